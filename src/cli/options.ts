import { InvalidArgumentError, Option } from 'commander';

/** Reads an option's value as a positive integer. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a positive integer.');
}

/** Reads an option's value as an integer of at least 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number, 0 or more.');
}

/** Reads an option's value as a positive number. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^[\d.]+(e[+-]?\d+)?$/i.test(text) && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a positive number.');
}

/** Reads an option's value as a share, in (0, 1]. */
export function share(text: string): number {
  const value = text.endsWith('%') ? positiveNumber(text.slice(0, -1)) / 100 : positiveNumber(text);
  if (value <= 1) return value;
  throw new InvalidArgumentError('It must lie between 0 and 1.');
}

/** Reads an option's value as a range of shares, `0.3-0.5` or `30%-50%`. */
export function shareRange(text: string): readonly [number, number] {
  const [low, high, ...rest] = text.split('-');
  if (low === undefined || high === undefined || rest.length > 0) {
    throw new InvalidArgumentError('It must be a range, since nobody knows it beforehand, as in 0.3-0.5.');
  }
  return [share(low), share(high)];
}

/** Adds the value of an option that may be given several times. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The fields that have a value. */
export function defined<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/** Splits a list at its commas. */
export function listed(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

/** The lengths of a sequence, of a command that plans runs. */
export function lengthOptions(): readonly [encoder: Option, decoder: Option] {
  return [
    new Option('--encoder-tokens <n>', 'encoder tokens of a sequence (default: 512)').argParser(positiveInteger),
    new Option(
      '--decoder-tokens <n>',
      'decoder tokens of a sequence (default: the targets of span corruption, 114 of 512; 2048 of a decoder)',
    ).argParser(positiveInteger),
  ];
}
