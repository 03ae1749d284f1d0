/**
 * What the ledger believes of a user's row.
 * `live`: in the warehouse as fingerprinted; `gone`: tombstoned or removed; `inactive`: kept, not listed, account off;
 * `rejected`: no row, this content was refused; `stale`: row with older content, because this content was refused.
 */
export type Standing = 'live' | 'gone' | 'inactive' | 'rejected' | 'stale';

/** A version of a user: what it is, and whether it is a row. Null fingerprint: never loaded. */
export interface Version {
  readonly fingerprint: string | null;
  readonly standing: Standing;
}

/** What a batch does to users, each counted once. `same`: written although its content did not change. */
export interface Effects {
  inserted: number;
  updated: number;
  restored: number;
  deleted: number;
  same: number;
}

/** The version of a user whom nobody has met. */
export const UNKNOWN: Version = { fingerprint: null, standing: 'rejected' };

/** Effects of a batch that does nothing. */
export function noEffects(): Effects {
  return { inserted: 0, updated: 0, restored: 0, deleted: 0, same: 0 };
}

/** Between what was loaded of a user and what a listing that says less of him looked like. */
export const LISTED = '~';

/** Stands after that mark where nothing else did: what was loaded is itself from a listing that says less than another. */
export const THIN = '-';

/** The part of a fingerprint that content decides; the part before it is the recipe. */
export function contentOf(fingerprint: string | null): string {
  if (fingerprint === null) return '';
  const [content = ''] = fingerprint.slice(fingerprint.indexOf(':') + 1).split(LISTED);
  return content;
}

/** Hash of the listed record that a fuller one was loaded beside, "" where none was; null where no fuller one was loaded. */
export function listedOf(fingerprint: string | null): string | null {
  const at = fingerprint?.indexOf(LISTED) ?? -1;
  return fingerprint === null || at === -1 || isThin(fingerprint) ? null : fingerprint.slice(at + 1);
}

/** True for the fingerprint of a row that comes from a listing which says less of its users than another one. */
export function isThin(fingerprint: string | null): boolean {
  return fingerprint?.endsWith(`${LISTED}${THIN}`) ?? false;
}

const hasRow = (version: Version): boolean => version.standing !== 'gone' && version.standing !== 'rejected';

/** The part of a fingerprint that the recipe decides. */
function recipeOf(fingerprint: string | null): string {
  return fingerprint === null ? '' : fingerprint.slice(0, fingerprint.indexOf(':'));
}

/** Another content under the same recipe. Under another recipe the same record has another content: that is no change. */
function changed(from: string | null, to: string | null): boolean {
  return recipeOf(from) === recipeOf(to) && contentOf(from) !== contentOf(to);
}

/** What loading `next` does to a user whose row is `loaded`; null where nothing is left to do. */
export function effect(loaded: Version, next: Version): keyof Effects | null {
  // The row stays as it is.
  if (next.standing === 'stale') return null;
  if (!hasRow(next)) return hasRow(loaded) ? 'deleted' : null;
  if (loaded.standing === 'gone') return 'restored';
  if (loaded.standing === 'rejected') return 'inserted';
  if (changed(loaded.fingerprint, next.fingerprint)) return 'updated';
  return loaded.fingerprint === next.fingerprint ? null : 'same';
}

/** Adds one batch's effects to a sum. */
export function addEffects(sum: Effects, more: Effects, sign: 1 | -1 = 1): void {
  sum.inserted += sign * more.inserted;
  sum.updated += sign * more.updated;
  sum.restored += sign * more.restored;
  sum.deleted += sign * more.deleted;
  sum.same += sign * more.same;
}
