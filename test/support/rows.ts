import type { Version } from './versions.ts';

/** A row of `users`. */
export interface Held {
  readonly version: Version;
  readonly deleted: boolean;
  readonly first_seen_at: string;
  /** Kept, not listed, account off: outside of missing and ratio. */
  readonly inactive: boolean;
}

/** What an unapplied batch does to a user. */
export type Pending =
  | { readonly to: 'row'; readonly version: Version; readonly inactive: boolean }
  | { readonly to: 'gone' };

/** What one user's part of a batch does to his row and the log. */
export interface Applied {
  readonly op: string | null;
  readonly held: Held | null;
  readonly maybe: boolean;
}

/** Applies a change to a row, or to none. */
export function applied(held: Held | undefined, pending: Pending, mode: string): Applied {
  if (pending.to === 'gone') {
    const op = held !== undefined && !held.deleted ? 'delete' : null;
    const marked = held === undefined || mode === 'hard' ? null : { ...held, deleted: true, inactive: false };
    return { op, held: marked, maybe: false };
  }
  const { version, inactive } = pending;
  const fresh = { version, deleted: false, first_seen_at: held?.first_seen_at ?? '', inactive };
  if (held === undefined) return { op: 'insert', held: fresh, maybe: false };
  if (held.deleted) return { op: 'restore', held: fresh, maybe: false };
  const op = held.version.source === version.source ? null : 'update';
  return { op, held: fresh, maybe: held.version.recipe !== version.recipe };
}

/** What a batch that is not in the warehouse holds. */
export interface Draft {
  readonly pending: Map<string, Pending>;
  /** Payloads to quarantine. */
  readonly waiting: Set<string>;
  /** Users who were taken out of the inactive ones, or put there, without their rows being written: what they were. */
  readonly flipped: Map<string, boolean>;
}

/** A batch that nothing was recorded in yet. */
export const emptyDraft = (): Draft => ({ pending: new Map(), waiting: new Set(), flipped: new Map() });
