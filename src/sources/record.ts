import { isObject, isRawNumber, type Json, type JsonObject } from '../contract/json.ts';
import type { Role } from '../contract/user.ts';
import { BadRecord } from '../errors.ts';

/** What a JSON value is called in a rejection's reason. */
function kind(value: Json | undefined): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (isRawNumber(value)) return 'a number';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Text of a scalar; a number keeps its digits. Undefined for lists and objects. */
function scalar(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return isRawNumber(value) ? JSON.stringify(value) : undefined;
}

/** What is read from a record; null where that is bad. For looking for users among others, whose records are no matter. */
export function unlessBad<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadRecord) return null;
    throw error;
  }
}

/** What stands where an id will be once an invitation is accepted: the same for everybody, and so nobody's. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** The id of a record: text or number. A record without one cannot be a row. */
export function idOf(raw: JsonObject, path: string): string {
  const value = raw[path];
  if (value === undefined || value === null || value === '') throw new BadRecord(`${path}: a user without an id`);
  const text = typeof value === 'boolean' ? undefined : scalar(value);
  if (text === undefined || text.trim() === '') throw new BadRecord(`${path}: expected an id, got ${kind(value)}`);
  if (text === NIL_UUID) throw new BadRecord(`${path}: the nil UUID is nobody's id (an invitation not accepted yet?)`);
  return text;
}

/** A text that may be absent, null or empty; the three are the same: null. */
export function text(raw: JsonObject, path: string): string | null {
  const value = raw[path];
  if (value === undefined || value === null || value === '') return null;
  const found = scalar(value);
  if (found === undefined) throw new BadRecord(`${path}: expected a text, got ${kind(value)}`);
  return found;
}

/** A list of texts; absent, null and "" are the empty list, and one text alone is a list of one. */
export function texts(raw: JsonObject, path: string): string[] {
  const value = raw[path];
  if (value === undefined || value === null || value === '') return [];
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((item) => {
    if (item === null || item === '') return [];
    const found = scalar(item);
    if (found === undefined) throw new BadRecord(`${path}: expected a list of texts, got ${kind(item)} in it`);
    return [found];
  });
}

const INSTANT = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?([Zz]|[+-]\d\d:?\d\d)?$/;

/** Before this nothing was created: databases and languages write their zero time so, in whatever zone. */
const ZERO_TIME_MS = Date.parse('0001-01-03T00:00:00Z');

/**
 * The instant that a time in RFC 3339 means, in UTC and with microseconds, however its zone and fraction are written.
 * Null for the zero time, undefined for what is no such time. A time without a zone is in UTC.
 */
export function instantOf(time: string): string | null | undefined {
  const match = INSTANT.exec(time.trim());
  if (match === null) return undefined;
  const [, date = '', clock = '', fraction = '', zone = 'Z'] = match;
  const second = Date.parse(`${date}T${clock}${zone.toUpperCase()}`);
  // Days that a month does not have would be taken for some of the next.
  const day = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(second) || Number.isNaN(day) || !new Date(day).toISOString().startsWith(date)) return undefined;
  if (second < ZERO_TIME_MS) return null;
  const micros = Math.round(Number(`0.${fraction || '0'}`) * 1e6);
  const whole = new Date(second + (micros === 1e6 ? 1000 : 0)).toISOString().slice(0, 19);
  return whole.length > 19 || whole.startsWith('+') ? undefined : `${whole}.${String(micros % 1e6).padStart(6, '0')}Z`;
}

/** A time that may be absent, null, empty or the zero time, which are the same: null. */
export function instant(raw: JsonObject, path: string): string | null {
  const time = text(raw, path);
  if (time === null) return null;
  const found = instantOf(time);
  if (found === undefined) throw new BadRecord(`${path}: expected a time such as 2026-01-31T12:00:00Z`);
  return found;
}

/** The first of these texts that is more than blanks; null where there is none. */
export function firstText(...candidates: readonly (string | null)[]): string | null {
  return candidates.find((candidate) => candidate !== null && candidate.trim() !== '')?.trim() ?? null;
}

/** An object that may be absent or null. */
export function object(raw: JsonObject, path: string): JsonObject | null {
  const value = raw[path];
  if (value === undefined || value === null || value === '') return null;
  if (!isObject(value)) throw new BadRecord(`${path}: expected an object, got ${kind(value)}`);
  return value;
}

/** A role as objects with id, name and slug give it. */
export function role(raw: JsonObject): Role {
  return { id: text(raw, 'id'), name: text(raw, 'name'), slug: text(raw, 'slug') };
}

/** An address as it is joined on: trimmed and in lower case. */
export function joinable(email: string | null): string | null {
  const plain = email?.trim().toLowerCase() ?? '';
  return plain === '' ? null : plain;
}
