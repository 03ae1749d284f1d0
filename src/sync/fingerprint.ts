import { hash } from 'node:crypto';
import { isObject, isRawNumber, type Json, type JsonObject } from '../contract/json.ts';
import type { Source } from '../contract/source.ts';
import { instantOf } from '../sources/record.ts';
import { TABLES_VERSION } from '../sql/tables.ts';
import type { Settings } from './settings.ts';

/** Keys in one order, whatever order the server wrote them in: order is no content. */
function sorted(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.some((item) => typeof item === 'object') ? value.map(sorted) : value;
  if (isRawNumber(value)) return value;
  const out: JsonObject = {};
  for (const key of Object.keys(value).sort()) {
    const inner = sorted(value[key] ?? null);
    // Assigning this one would set the prototype instead, and lose what the server sent.
    if (key === '__proto__') Object.defineProperty(out, key, { value: inner, enumerable: true });
    else out[key] = inner;
  }
  return out;
}

/** A URL without its query: signatures expire without the picture having changed. */
const withoutQuery = (url: string): string => {
  const at = url.indexOf('?');
  return at === -1 ? url : url.slice(0, at);
};

/** The record with what changes without the user having changed written in one way. */
function steady(record: JsonObject, { volatile, instants = [] }: Source): JsonObject {
  if (volatile.length === 0 && instants.length === 0) return record;
  const out = { ...record };
  for (const path of volatile) {
    const url = out[path];
    if (typeof url === 'string') out[path] = withoutQuery(url);
  }
  for (const path of instants) {
    const time = out[path];
    const instant = typeof time === 'string' ? instantOf(time) : undefined;
    if (instant !== undefined) out[path] = instant;
  }
  return out;
}

/** A record's JSON text without signatures, for telling whether it was met before. */
export function steadyText(source: Source, record: Json): string {
  return JSON.stringify(isObject(record) ? steady(record, source) : record);
}

/**
 * Hash of what a record would load: its content (column rules applied, keys sorted, signatures of URLs left out), the
 * account state that its listing implies, and what it takes from other listings. Hex SHA-256.
 */
export function contentHash(source: Source, record: JsonObject, active: boolean | null, referred: string): string {
  const content = JSON.stringify(sorted(steady(record, source)));
  return hash('sha256', `${content}\n${active}\n${referred}`);
}

/**
 * The recipe of a connection: versions of the tables and of the source's mapping, a hash of the column rules, and the id
 * of the hashing key where there is one. The numbers come first so that a newer program's recipe is told from a merely different one.
 */
export function recipeOf({ source, columns }: Settings): string {
  const rules = JSON.stringify([[...columns.exclude].sort(), [...columns.hash].sort()]);
  const recipe = `${TABLES_VERSION}.${source.version}.${hash('sha256', rules).slice(0, 8)}`;
  return columns.hash_key === undefined ? recipe : `${recipe}.${keyId(columns.hash_key)}`;
}

/** Names a hashing key without giving it away; it is the last part of the recipe. */
export function keyId(key: string): string {
  return hash('sha256', `rollcall key id ${key}`).slice(0, 8);
}

/** True when a recipe was written by a program with newer tables or a newer mapping of the source. */
export function isNewer(recipe: string, than: string): boolean {
  const [tables = 0, mapping = 0] = recipe.split('.').map(Number);
  const [ourTables = 0, ourMapping = 0] = than.split('.').map(Number);
  return tables > ourTables || (tables === ourTables && mapping > ourMapping);
}
