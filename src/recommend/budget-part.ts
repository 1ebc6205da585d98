import { hardwareCatalogue } from '../flops/hardware-catalogue.js';
import type { Constraint } from './budget.js';
import { afterSpace, type Cursor, ended, meant, peek, refusal, take, wordAt } from './budget-cursor.js';
import { devicesHere, readHardware, unknownHardware } from './budget-hardware.js';
import { deviceCount, inUnits, plainValue, readNumber, type Written } from './budget-number.js';
import { type PhysicalUnit, physicalUnit } from './units.js';

/** One quantity of a budget, or the devices that it names. */
export interface Part {
  readonly constraint: Constraint | null;
  /** Name in the catalogue. */
  readonly hardware: string | null;
  readonly devices: number | null;
  /** The days of a time that says nothing about what it limits. */
  readonly days: number | null;
}

/** Words between two quantities that say nothing of their own, with `and` and `with`, which set them apart. */
export const joiner =
  /\s*(?:(and|with)|for|on|in|over|within|under|below|up\s+to|at\s+most|using|an?|the)(?![\p{L}\p{N}/-])/iuy;

const unitNames = [
  ...['days', 'hours', 'h', 'min', 'minutes', 's', 'seconds', 'ms', 'us', 'weeks', 'months'],
  ...['GB', 'GiB', 'MB', 'MiB', 'TB', 'TiB', 'parameters', 'params', 'tokens', 'FLOP', 'FLOPs', 'PF-days'],
  ...['USD', 'dollars', 'GPU-hours', 'GPUs', 'million', 'billion', 'trillion', 'M', 'k'],
];
const anyUnit =
  'a multiple (k, M, B, T), a unit (params, FLOP, tokens, $, GB, GiB, ms, s, min, h, days, weeks, GPU-hours) or a device';

const none: Part = { constraint: null, hardware: null, devices: null, days: null };

/**
 * Reads one part at the cursor: `220M`, `24 GB for inference`, `8xH100`, `$5000`.
 *
 * @param serving - Whether `serving` stands before it, which only tokens and memory can follow.
 */
export function readPart(cursor: Cursor, serving: boolean): Part {
  const at = afterSpace(cursor);
  const part = readMoneyBefore(cursor) ?? readDevicesBefore(cursor) ?? readNumbered(cursor, serving);
  const kind = part.constraint?.kind;
  if (serving && kind !== 'inference-volume' && kind !== 'inference-memory') {
    const expected = 'tokens or memory, as in serving 1T tokens';
    throw refusal(cursor, 'what is served is counted in tokens', { at, expected });
  }
  return part;
}

function readMoneyBefore(cursor: Cursor): Part | null {
  refuseForeign(cursor);
  if (take(cursor, /\s*(?:US\s*\$|\$|USD(?!\p{L}))/iuy) === null) return null;
  const number = readNumber(cursor);
  take(cursor, /\s*(?:USD|US\s+dollars|dollars)(?!\p{L})/iuy);
  return constrained({ kind: 'money', dollars: plainValue(cursor, number) });
}

function refuseForeign(cursor: Cursor): void {
  if (peek(cursor, /\s*(?:[€£¥]|(?:EUR|GBP|euros?|pounds?)(?!\p{L}))/iuy)) {
    throw refusal(cursor, 'money is in US dollars', { expected: 'dollars, as in $5000', suggestion: '$' });
  }
}

/** `H100` or `H100 x 8`. */
function readDevicesBefore(cursor: Cursor): Part | null {
  const at = afterSpace(cursor);
  if (/^[\d.-]/.test(wordAt(cursor))) return null;
  const hardware = readHardware(cursor);
  if (hardware === null) {
    const word = wordAt(cursor);
    const names = hardwareCatalogue.map(({ name }) => name);
    const expected = 'a number with its unit, or a device of the catalogue';
    if (/^\p{L}+-?v?\d/iu.test(word)) throw unknownHardware(cursor, word);
    if (/^\p{L}/u.test(word)) {
      throw refusal(cursor, `"${word}" is not understood`, { expected, suggestion: meant(word, names) });
    }
    return null;
  }
  const times = take(cursor, /\s*[x×*]\s*(\d+)(?![\p{L}\d.])/iuy);
  if (times === null) return { ...none, hardware };
  const number = { at, digits: times[1]!, exponent: undefined, power: null };
  return { ...none, hardware, devices: deviceCount(cursor, number) };
}

function readNumbered(cursor: Cursor, serving: boolean): Part {
  const number = readNumber(cursor);
  return (
    readCountedDevices(cursor, number) ??
    readMoneyAfter(cursor, number) ??
    readFlops(cursor, number) ??
    readTokens(cursor, number, serving) ??
    readDevices(cursor, number) ??
    readParams(cursor, number) ??
    readPhysical(cursor, number, serving)
  );
}

function constrained(constraint: Constraint): Part {
  return { ...none, constraint };
}

/** `8xH100`, `8 x GPUs`. */
function readCountedDevices(cursor: Cursor, number: Written): Part | null {
  const times = take(cursor, /\s*[x×*]/iy);
  if (times === null) return null;
  const hardware = readHardware(cursor);
  const any = hardware === null && take(cursor, devicesHere) !== null;
  if (hardware !== null || any) return { ...none, hardware, devices: deviceCount(cursor, number) };
  const word = wordAt(cursor);
  if (!/^[,;]?$/.test(word)) throw unknownHardware(cursor, word);
  throw refusal(cursor, `a device is missing after "${times[0].trim()}"`, { expected: 'a device, as in 8xH100' });
}

/** `8 H100s`, `8 GPUs`, `500 H100-hours`, `500 GPU-hours`. */
function readDevices(cursor: Cursor, number: Written): Part | null {
  const unnamed = take(cursor, devicesHere);
  const hardware = unnamed === null ? readHardware(cursor) : null;
  if (unnamed === null && hardware === null) return null;
  const unit = readTimeUnit(cursor, /[\s-]+(\p{L}+)(?![\p{L}\p{N}])/uy);
  if (unit === null) return { ...none, hardware, devices: deviceCount(cursor, number) };
  const gpuHours = inUnits(cursor, number, unit, 'hour');
  return { ...none, hardware, constraint: { kind: 'gpu-hours', gpuHours } };
}

/** The unit of time that the pattern's group names, behind which the cursor then stands; else null. */
function readTimeUnit(cursor: Cursor, pattern: RegExp): PhysicalUnit | null {
  const match = peek(cursor, pattern);
  if (match === null) return null;
  const unit = physicalUnit(match[1]!);
  if (unit?.measures !== 'time') return null;
  cursor.at += match[0].length;
  return unit;
}

function readMoneyAfter(cursor: Cursor, number: Written): Part | null {
  refuseForeign(cursor);
  if (take(cursor, /\s*(?:US\s*\$|\$|(?:USD|US\s+dollars?|dollars?)(?!\p{L}))/iuy) === null) return null;
  return constrained({ kind: 'money', dollars: plainValue(cursor, number) });
}

/** `1e21 FLOP`, `5 ZFLOPs`, and a rate times a time: `10 PF-days`, `10 petaflop/s-days`. */
function readFlops(cursor: Cursor, number: Written): Part | null {
  const start = cursor.at;
  if (take(cursor, /\s*(?:training\s+)?(?:flops?|f(?=(?:\/s|ps)?[\s-]))/iuy) === null) return null;
  take(cursor, /\/s(?:ec)?(?!\p{L})|ps(?!\p{L})/iuy);
  const time = readTimeUnit(cursor, /(?:\s*-\s*|\s+)(\p{L}+)(?![\p{L}\p{N}])/uy);
  if (time !== null) {
    return constrained({ kind: 'flops', flops: inUnits(cursor, number, time, 's') });
  }
  cursor.at = start;
  if (take(cursor, /\s*(?:training\s+)?flops?(?![\p{L}\p{N}])/iuy) === null) return null;
  if (peek(cursor, /\s*(?:\/|per\b)/iy)) {
    throw refusal(cursor, 'FLOP/s is a rate', {
      expected: 'a count of FLOPs, or a rate times a time as in 10 PF-days',
    });
  }
  take(cursor, /\s+of\s+(?:compute|training)(?!\p{L})/iuy);
  return constrained({ kind: 'flops', flops: plainValue(cursor, number) });
}

/** `30B tokens`, `200B unique tokens`, `1T tokens served`. */
function readTokens(cursor: Cursor, number: Written, serving: boolean): Part | null {
  const match = take(cursor, /\s*(?:(unique|distinct|served|serving|inference)\s+)?tokens?(?![\p{L}\p{N}])/iuy);
  if (match === null) return null;
  const unique = /^[ud]/i.test(match[1] ?? '');
  const served =
    !unique &&
    take(cursor, /\s+(?:served|(?:(?:of|for|at)\s+(?:inference|serving)|to\s+(?:be\s+)?served?)(?!\p{L}))/iuy) !== null;
  if (!served) take(cursor, /\s+of\s+(?:(?:unique|distinct)\s+)?(?:data|text)(?!\p{L})/iuy);
  const tokens = plainValue(cursor, number);
  const volume = serving || served || (match[1] !== undefined && !unique);
  return constrained({ kind: volume ? 'inference-volume' : 'unique-tokens', tokens });
}

/** `220M parameters`, or a count without a unit. */
function readParams(cursor: Cursor, number: Written): Part | null {
  const said = take(cursor, /\s*(?:param(?:eter)?s?)(?![\p{L}\p{N}])/iuy) !== null;
  const stops = ended(cursor) || peek(cursor, /\s*[,;+]/y) !== null || peek(cursor, joiner) !== null;
  if (!said && !stops && number.power === null) return null;
  const params = plainValue(cursor, number);
  // More than any model has: FLOPs without their unit, or bytes written as G.
  if (
    !said &&
    ((number.power === null && params >= 1e15) || peek({ text: cursor.text, at: cursor.at - 1 }, /[GPEZY]/y))
  ) {
    const written = cursor.text.slice(number.at, cursor.at);
    const expected = 'what it counts, as in 24 GB, 1e21 FLOP or 30B params';
    const suggestion = written.endsWith('G') ? `${written}B` : `${written} FLOP`;
    throw refusal(cursor, `"${written}" does not say what it counts`, { at: number.at, expected, suggestion });
  }
  return constrained({ kind: 'params', params });
}

/** Times and memory, with what they limit. */
function readPhysical(cursor: Cursor, number: Written, serving: boolean): Part {
  const match = peek(cursor, /\s*(\p{L}+)(?![\p{L}\p{N}])/uy);
  const unit = match === null ? null : physicalUnit(match[1]!);
  if (match === null || (unit?.measures !== 'time' && unit?.measures !== 'memory')) throw unknownUnit(cursor, unit);
  cursor.at += match[0].length;
  return unit.measures === 'time' ? readTime(cursor, number, unit) : readMemory(cursor, number, unit, serving);
}

function unknownUnit(cursor: Cursor, unit: PhysicalUnit | null) {
  const word = wordAt(cursor);
  if (/^\p{L}+-?v?\d/iu.test(word)) return unknownHardware(cursor, word);
  const suggestion = meant(word, unitNames);
  const problem =
    unit === null
      ? `"${word}" is no unit of a budget`
      : unit.measures === 'bits'
        ? `"${word}" counts bits, and memory is in bytes`
        : `"${word}" is a unit, but not of time or memory`;
  return refusal(cursor, problem, { expected: anyUnit, suggestion });
}

function readTime(cursor: Cursor, number: Written, unit: PhysicalUnit): Part {
  const seconds = inUnits(cursor, number, unit, 's');
  const per = take(
    cursor,
    /\s*(?:\/|(?:per|an?|each|for\s+each)\s)\s*(tok(?:en)?s?|seq(?:uence)?s?)(?![\p{L}\p{N}])/iuy,
  );
  const latency = take(cursor, /\s+(?:of\s+)?(?:(tok|seq)(?:en|uence)\s+)?latency(?!\p{L})/iuy);
  const what = (per?.[1] ?? latency?.[1])?.toLowerCase();
  if (what !== undefined) {
    return constrained({ kind: what.startsWith('tok') ? 'token-latency' : 'sequence-latency', seconds });
  }
  // Nobody trains for less than a second, in whichever unit it is written.
  if (seconds < 1) return constrained({ kind: 'token-latency', seconds });
  if (latency !== null) {
    throw refusal(cursor, 'a latency is per token or per sequence', {
      at: number.at,
      expected: 'a time per token or per sequence, as in 2 s per sequence',
    });
  }
  const wall = take(cursor, /\s+(?:of\s+)?wall(?:[\s-]?clock)?(?:[\s-]?time)?(?!\p{L})/iuy) !== null;
  if (!wall) take(cursor, /\s+of\s+training(?!\p{L})/iuy);
  return { ...constrained({ kind: 'wall-time', seconds }), days: wall ? null : inUnits(cursor, number, unit, 'day') };
}

function readMemory(cursor: Cursor, number: Written, unit: PhysicalUnit, serving: boolean): Part {
  const bytes = inUnits(cursor, number, unit, 'B');
  const said = take(
    cursor,
    /\s+(?:of\s+)?(?:(inference|serving|training)\s+)?(?:(?:device|gpu)\s+)?(?:memory|v?ram|hbm)(?!\p{L})/iuy,
  );
  take(cursor, /\s*(?:each|(?:per\s+|\/\s*)(?:gpu|device|card))(?!\p{L})/iuy);
  const use = take(
    cursor,
    /\s+(?:for|to|while|during|at)\s+(inference|serv(?:e|ing)|train(?:ing)?)(?!\p{L}|\s*[\d.])/iuy,
  );
  const what = use?.[1] ?? said?.[1];
  const serves = what === undefined ? serving : !/^train/i.test(what);
  return constrained({ kind: serves ? 'inference-memory' : 'training-memory', bytes });
}
