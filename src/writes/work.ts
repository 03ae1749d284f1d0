import type { Io } from '../contract/io.ts';
import type { JsonObject } from '../contract/json.ts';
import type { Refs } from '../contract/refs.ts';
import type { Reader } from '../contract/source.ts';
import type { Changes, FieldValue, WriteLog, Writes } from '../contract/writes.ts';
import type { ColumnRules } from '../sync/columns.ts';
import type { Deps } from '../sync/settings.ts';

/** What writing to one connection works with. Made by a command. */
export interface WriteWork {
  readonly deps: Deps;
  readonly writes: Writes;
  readonly reader: Reader;
  readonly io: Io;
  readonly refs: Refs;
  readonly rules: ColumnRules;
  /** Null while nothing is to be written and nothing was written before. */
  readonly log: WriteLog | null;
  /** Writes are really made; else it is only planned. */
  readonly applies: boolean;
  /** A file that is applied again does not create, or miss, the same users again. */
  readonly remembers: boolean;
  readonly actor: string;
  /** What a reference to a secret stands for. */
  secret(reference: string): string;
  /** Ids of the users who had the address of a row when the command began; null where the credential may not look. */
  holders(email: string): Promise<readonly string[] | null>;
  /** A few users with rows, other than this one, whom nobody deleted as far as is known. */
  others(user_id: string): readonly string[];
  /** RFC 3339. */
  now(): string;
}

/** A user as he was read (null: the source has none), and what a row would change of him. */
export interface Read {
  readonly raw: JsonObject | null;
  readonly changes: Changes;
}

/** How a secret stands wherever something is shown or kept. */
export const HIDDEN = '***';

/** The user as the source has him now; null when it has none. */
export async function readUser(work: WriteWork, user_id: string): Promise<JsonObject | null> {
  for await (const user of work.reader.find({ ids: [user_id] })) return user;
  return null;
}

/** Somebody whom the source should find and does not find either: then its "not found" says nothing. Null where all is well. */
export async function missingToo(work: WriteWork, user_id: string): Promise<string | null> {
  let missing: string | null = null;
  // One may have left since he was listed; a server that is ill finds nobody.
  for (const other of work.others(user_id)) {
    if ((await readUser(work, other)) !== null) return null;
    missing = other;
  }
  return missing;
}

/** Equal as a source sees it: the order of a list is no content. */
export function same(a: FieldValue, b: FieldValue): boolean {
  const sorted = (value: FieldValue): string =>
    JSON.stringify(typeof value === 'object' && value !== null ? [...value].sort() : value);
  return sorted(a) === sorted(b);
}
