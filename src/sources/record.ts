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

/** The id of a record: text or number. A record without one cannot be a row. */
export function idOf(raw: JsonObject, path: string): string {
  const value = raw[path];
  if (value === undefined || value === null || value === '') throw new BadRecord(`${path}: a user without an id`);
  const text = typeof value === 'boolean' ? undefined : scalar(value);
  if (text === undefined || text.trim() === '') throw new BadRecord(`${path}: expected an id, got ${kind(value)}`);
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
