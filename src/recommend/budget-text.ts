import { ShapelawError } from '../errors.js';
import type { Constraint } from './budget.js';
import { afterSpace, type Cursor, ended, quoted, refusal, take, wordAt } from './budget-cursor.js';
import { joiner, type Part, readPart } from './budget-part.js';

/** A budget as read from one text. */
export interface ParsedBudget {
  /** In the order of the text, each kind once. */
  readonly constraints: readonly Constraint[];
  /** Name in the catalogue of the device that the text names, or null. */
  readonly hardware: string | null;
  /** Devices side by side, or null where the text doesn't say. */
  readonly devices: number | null;
}

const mostCharacters = 500;
const example = '8xH100 for 3 days, 24 GB';

interface PlacedPart extends Part {
  readonly at: number;
  /** Whether only words such as `for` or `on`, or nothing, stand between it and the part before. */
  readonly joined: boolean;
}

/**
 * Reads a budget as people write it: `8xH100 for 3 days, 24 GB`, `$5000 with 24 GB`, `1.3B parameters and 50 ms/token`.
 *
 * Parts stand in any order, apart by commas, semicolons, `+`, `and`, `with`, `for`, `on`, `in`. A count without a unit is
 * parameters. Memory is that of a device that trains, or, with `for inference`, `to serve`, one that serves. A time is the wall
 * time; `for 3 days` behind devices and `3 days on` before them makes device days of both; `per token`, `per sequence` make it a
 * latency, and below one second it is the latency of a token. Tokens are unique ones at hand, or, with `served`,
 * `serving`, `of inference`, those of the model's life. `500 GPU-hours` and `500 H100 hours` are device hours. GB is 1e9 bytes,
 * GiB 2^30. Every number is the nearest double to what is written. `await loadUnits()` once before.
 *
 * @throws ShapelawError `bad-quantity`, or `unknown-hardware` for a device that the catalogue lacks, with `details` `text`,
 * `position` (of a character, from 1), `expected` and `suggestion` (null where nothing is near); `bad-usage` where the units are
 * not loaded.
 */
export function parseBudget(text: string): ParsedBudget {
  const cursor: Cursor = { text, at: 0 };
  if (text.length > mostCharacters) {
    throw new ShapelawError('bad-quantity', `"${quoted(text)}" has more than ${mostCharacters} characters`, {
      text: quoted(text),
      position: mostCharacters + 1,
      expected: `a budget as in ${example}`,
      suggestion: null,
    });
  }
  if (ended(cursor)) throw refusal(cursor, 'a budget is missing', { expected: `one as in ${example}` });
  const parts = inDeviceDays(readParts(cursor));
  const devices = stated(cursor, parts, 'devices', 'the number of devices');
  const hardware = stated(cursor, parts, 'hardware', 'the device');
  refuseRepeated(cursor, parts);
  return {
    constraints: parts.flatMap(({ constraint }) => (constraint === null ? [] : [constraint])),
    hardware,
    devices,
  };
}

function readParts(cursor: Cursor): PlacedPart[] {
  const parts: PlacedPart[] = [];
  while (parts.length === 0 || !ended(cursor)) {
    const { apart, spaced, serving } = readBetween(cursor, parts.length > 0);
    const at = afterSpace(cursor);
    if (ended(cursor)) throw refusal(cursor, 'another quantity is missing', { expected: `one as in ${example}` });
    const part = readPart(cursor, serving);
    const before = parts.at(-1);
    // `8xH100 3 days` is clear; of two other quantities with nothing between, one may be mistyped.
    if (before !== undefined && !spaced && !isDevices(before) && !isDevices(part)) {
      throw refusal(cursor, 'a separator is missing before this', { at, expected: 'a comma, "and" or "with"' });
    }
    parts.push({ ...part, at, joined: parts.length > 0 && !apart });
  }
  return parts;
}

/** Passes what stands between two parts. */
function readBetween(cursor: Cursor, punctuated: boolean) {
  const start = cursor.at;
  let apart = punctuated && take(cursor, /\s*[,;+]/y) !== null;
  let serving = false;
  for (;;) {
    const word = take(cursor, joiner);
    const serves = word === null && take(cursor, /\s*(?:to\s+)?serv(?:e|ing)(?!\p{L})/iuy) !== null;
    if (word === null && !serves) break;
    apart ||= word?.[1] !== undefined;
    serving ||= serves;
  }
  const spaced = cursor.at > start;
  // Behind a quantity stands a separator, or a quantity.
  const word = wordAt(cursor);
  if (punctuated && !spaced && /^[^\p{L}\d.$]/u.test(word)) {
    throw refusal(cursor, `"${word}" is not understood`, { expected: 'a comma, "and", "with" or the end' });
  }
  return { apart, spaced, serving };
}

function isDevices({ constraint, hardware, devices }: Part): boolean {
  return constraint === null && (hardware !== null || devices !== null);
}

/** Makes device days of a time that is joined to a number of devices before or behind it. */
function inDeviceDays(parts: readonly PlacedPart[]): PlacedPart[] {
  return parts.map((part, i) => {
    const before = part.joined ? parts[i - 1] : undefined;
    const behind = parts[i + 1]?.joined ? parts[i + 1] : undefined;
    const gpus = [before, behind].find((other) => other !== undefined && other.devices !== null)?.devices;
    if (part.days === null || gpus == null) return part;
    return { ...part, constraint: { kind: 'gpus-days', gpus, days: part.days } };
  });
}

/** The one value that the parts state, or null. */
function stated<Key extends 'hardware' | 'devices'>(
  cursor: Cursor,
  parts: readonly PlacedPart[],
  key: Key,
  what: string,
): Part[Key] {
  const all = parts.filter((part) => part[key] !== null);
  // A device may be named again, as in `500 H100 hours on 8xH100`.
  const repeated = all.slice(1).find((part) => key === 'devices' || part[key] !== all[0]![key]);
  if (repeated !== undefined) {
    throw refusal(cursor, `${what} is stated twice`, { at: repeated.at, expected: 'it once' });
  }
  return all[0]?.[key] ?? null;
}

function refuseRepeated(cursor: Cursor, parts: readonly PlacedPart[]): void {
  const kinds = new Set<string>();
  for (const { constraint, at } of parts) {
    if (constraint === null) continue;
    const { kind } = constraint;
    if (kinds.has(kind)) {
      const what = kind.replaceAll('-', ' ');
      throw refusal(cursor, `${what} is stated twice`, { at, expected: 'each kind of limit once' });
    }
    kinds.add(kind);
  }
}
