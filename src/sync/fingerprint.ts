import { hash } from 'node:crypto';
import { isObject, isRawNumber, type Json, type JsonObject } from '../contract/json.ts';
import type { Source } from '../contract/source.ts';
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

function steady(record: JsonObject, volatile: readonly string[]): JsonObject {
  const changing = volatile.filter((path) => typeof record[path] === 'string');
  if (changing.length === 0) return record;
  return { ...record, ...Object.fromEntries(changing.map((path) => [path, withoutQuery(String(record[path]))])) };
}

/** A record's JSON text without signatures, for telling whether it was met before. */
export function steadyText(source: Source, record: Json): string {
  return JSON.stringify(isObject(record) ? steady(record, source.volatile) : record);
}

/**
 * Hash of what a record would load: its content (column rules applied, keys sorted, signatures of URLs left out), the
 * account state that its listing implies, and what it takes from other listings. Hex SHA-256.
 */
export function contentHash(source: Source, record: JsonObject, active: boolean | null, referred: string): string {
  const content = JSON.stringify(sorted(steady(record, source.volatile)));
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
