import { createHmac } from 'node:crypto';
import { isObject, type Json } from '../contract/json.ts';
import type { Settings } from './settings.ts';

/** Applies a connection's column rules to a received record; the same object where there are none. */
export type ColumnRules = <T extends Json>(record: T) => T;

type Change = (value: Json) => Json | undefined;

/** A copy of the record with the value at a path changed, or removed where the change gives undefined. */
function changeAt(value: Json, path: readonly string[], change: Change): Json {
  const [key, ...rest] = path;
  if (Array.isArray(value)) return value.map((item) => changeAt(item, path, change));
  if (key === undefined || !isObject(value)) return value;
  const old = value[key];
  if (old === undefined) return value;
  const fresh = rest.length === 0 ? change(old) : changeAt(old, rest, change);
  const copy = { ...value };
  if (fresh === undefined) delete copy[key];
  else copy[key] = fresh;
  return copy;
}

/** Addresses are hashed in lower case, so that the same person has the same hash everywhere. */
const plainText = (value: string): string => (value.includes('@') ? value.trim().toLowerCase() : value.trim());

/** What a hash looks like. */
const HASHED = /^[0-9a-f]{64}$/;

/** `again`: values that are hashes already stay as they are. */
function hashed(key: string, again: boolean): Change {
  const one = (value: Json): Json => {
    if (value === null || value === '') return value;
    if (again && typeof value === 'string' && HASHED.test(value)) return value;
    if (Array.isArray(value)) return value.map(one);
    const text = typeof value === 'string' ? plainText(value) : JSON.stringify(value);
    return createHmac('sha256', key).update(text).digest('hex');
  };
  return one;
}

/**
 * Excluded and hashed values are gone from the record before anything else sees it; also from what is no record but
 * holds some. `again` is for records that rules were applied to before, perhaps others.
 */
export function columnRules({ source, columns }: Settings, again = false): ColumnRules {
  const excluded = [...source.exclude, ...columns.exclude].map((path) => path.split('.'));
  const hashing = columns.hash.map((path) => path.split('.'));
  if (excluded.length === 0 && hashing.length === 0) return (record) => record;
  const hash = hashed(columns.hash_key ?? '', again);
  return <T extends Json>(record: T): T => {
    let out: Json = record;
    for (const path of excluded) out = changeAt(out, path, () => undefined);
    for (const path of hashing) out = changeAt(out, path, hash);
    // The rules change values within; an object stays an object, a list a list.
    return out as T;
  };
}
