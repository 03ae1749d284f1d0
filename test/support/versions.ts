import { createHmac } from 'node:crypto';
import { isObject, type Json, type JsonObject } from '../../src/contract/json.ts';
import type { Settings } from '../../src/sync/settings.ts';

/** A user's content: what the table must hold of him. */
export interface Content {
  readonly raw: JsonObject;
  readonly name: string | null;
  readonly email: string | null;
  readonly roles: Json;
  readonly active: boolean;
  readonly created_at: string | null;
}

/** One version of a user as a run met him. */
export interface Version {
  readonly content: Content;
  /** The received record and all that was read with it, before column rules: same text, same user. */
  readonly source: string;
  readonly recipe: string;
  /** The warehouse can convert its values. */
  readonly sound: boolean;
}

const FIELDS = ['email', 'name', 'roles', 'active', 'created_at'] as const;

/** JSON text whose keys are in order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

const differs = (a: unknown, b: unknown): boolean => canonical(a) !== canonical(b);

/** Names of the columns that differ between two versions; `raw` where no other shows it. */
export function changedFields(old: Content, fresh: Content): string[] {
  const fields = FIELDS.filter((name) => differs(old[name], fresh[name]));
  if (fields.length > 0) return fields;
  return differs(old.raw, fresh.raw) ? ['raw'] : [];
}

function edited(value: Json, path: readonly string[], edit: (value: Json) => Json | undefined): Json {
  const [key = '', ...rest] = path;
  if (Array.isArray(value)) return value.map((item) => edited(item, path, edit));
  if (!isObject(value) || value[key] === undefined) return value;
  const fresh = rest.length === 0 ? edit(value[key]) : edited(value[key], rest, edit);
  const others = Object.entries(value).filter(([name]) => name !== key);
  return Object.fromEntries(fresh === undefined ? others : [...others, [key, fresh]]);
}

/** The record as the column rules leave it; the paths that tests use hold texts. */
export function ruled(record: JsonObject, { exclude, hash, hash_key = '' }: Settings['columns']): JsonObject {
  const hashed = (value: Json): Json => {
    const text = String(value).trim();
    return createHmac('sha256', hash_key)
      .update(text.includes('@') ? text.toLowerCase() : text)
      .digest('hex');
  };
  let out: Json = record;
  for (const path of exclude) out = edited(out, path.split('.'), () => undefined);
  for (const path of hash) out = edited(out, path.split('.'), hashed);
  return isObject(out) ? out : record;
}

/** What a record is met with: the column rules, the roles it may name, and the recipe of both. */
export interface Meeting {
  readonly columns: Settings['columns'];
  readonly roles: ReadonlyMap<string, string>;
  readonly recipe: string;
}

/** The version that a record of the invented source is, or null where it cannot be a row. */
export function versionOf(
  { columns, roles, recipe }: Meeting,
  record: JsonObject,
  active: boolean | null,
): Version | null {
  const raw = ruled(record, columns);
  if (Array.isArray(raw.name)) return null;
  const { name, email, created_at } = raw;
  const role = roles.get(String(raw.role_id)) ?? null;
  return {
    content: {
      raw,
      name: typeof name === 'string' ? name : null,
      email: typeof email === 'string' ? email.trim().toLowerCase() : null,
      roles: [{ id: String(raw.role_id), name: role, slug: null }],
      active: active ?? raw.enabled === true,
      created_at: String(created_at).replace('Z', '.000000Z'),
    },
    source: JSON.stringify([record, active, role]),
    recipe,
    sound: created_at === '2026-01-02T03:04:05Z',
  };
}
