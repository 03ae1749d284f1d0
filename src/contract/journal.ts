import type { Effects, Version } from './effects.ts';
import type { Run } from './run.ts';
import type { Row, SealedFile } from './warehouse.ts';
import type { WriteLog } from './writes.ts';

/** A known user. `num` counts users in the order they were first met. */
export interface Known extends Version {
  readonly num: number;
  readonly user_id: string;
  /** What the warehouse has: the version itself, or the one before it while the newest is pending in the open batch. */
  readonly loaded: Version;
  /** The batch that the newest version waits in; null when it waits in none. In a sealed one it must not be moved. */
  readonly waits: 'open' | 'sealed' | null;
}

/** A user's newest version, to be recorded with a page. `loaded` is what the warehouse has. */
export interface Move {
  readonly num: number;
  readonly user_id: string;
  /** The user was not known before this page. */
  readonly fresh: boolean;
  readonly next: Version;
  readonly loaded: Version;
}

/** A record that could not be loaded, after column rules. */
export interface Rejected {
  readonly payload_hash: string;
  readonly run_id: string;
  readonly page: number;
  readonly user_id: string | null;
  readonly reason: string;
  readonly payload: string;
  readonly rejected_at: string;
  /** When it was loaded after all; null until then. */
  readonly replayed_at: string | null;
}

/** Kinds of staged line (see STAGING_COLUMNS of src/sql). */
export type Op = 'upsert' | 'delete' | 'purge' | 'reject' | 'replayed' | 'refs' | 'roles' | 'role' | 'team';

/** One line of a batch: a JSON object text of staged columns, all text or null, without its ordinal. */
export interface Line {
  readonly op: Op;
  readonly json: string;
}

/** One page, diffed: everything that its ledger transaction records. */
export interface Diffed {
  /** In order; of two lines of one user the later one counts. */
  readonly lines: readonly Line[];
  readonly moves: readonly Move[];
  /** Numbers of the users met on this page, repeats included. */
  readonly seen: readonly number[];
  readonly rejected: readonly Rejected[];
  /** Change of the open batch's effects. */
  readonly effects: Effects;
  /** The page's place in the listing; null for changes that are no page (sweep, chosen users, refs). */
  readonly place: Place | null;
}

/** Where a page stands in its listing. */
export interface Place {
  /** Where the listing goes on; null keeps the recorded place. */
  readonly cursor: string | null;
  /** Key of the first record where this page begins an answer, for the endless-listing guard; else null. */
  readonly first: string | null;
  /** The listing is complete with this page. */
  readonly last: boolean;
  /** Records of this page that could not be loaded. */
  readonly bad: number;
}

/** The scan that is not finished. */
export interface OpenScan {
  readonly kind: 'sync' | 'backfill';
  readonly recipe: string;
  readonly started_at: string;
  /** Time of the last recorded page, or of the beginning. */
  readonly moved_at: string;
  readonly cursor: string | null;
  readonly pages: number;
  /** The last page is recorded: what is left is the sweep. */
  readonly complete: boolean;
  readonly restarts: number;
  /** Records so far that could not be loaded. */
  readonly bad: number;
  /** Cursors and first records of the pages so far, for the endless-listing guard. */
  readonly cursors: ReadonlySet<string>;
  readonly firsts: ReadonlySet<string>;
}

/** A batch whose bytes and time are fixed. */
export interface Batch extends SealedFile {
  readonly seq: number;
  readonly run_id: string;
  /** RFC 3339 with microseconds, later than every earlier batch's whatever the clock says. */
  readonly recorded_at: string;
  readonly effects: Effects;
  /** Kinds of line in the file. */
  readonly ops: ReadonlySet<string>;
}

/** The ledger's own facts. */
export interface LedgerFacts {
  /** Null in a ledger that never met its warehouse. */
  readonly epoch: string | null;
  /** Number of the last batch that the warehouse has. */
  readonly seq: number;
  readonly batch_id: string;
  readonly account: string | null;
  /** Rows of `users` that are not tombstoned, as the ledger counts them. */
  readonly live: number;
  /** Identity of the warehouse's tables at the last look. */
  readonly tables: string | null;
  /** Hash of the table and view statements last prepared. */
  readonly layout: string | null;
  /** Hash of the roles and teams last staged. */
  readonly refs: string | null;
  /** Recipe of what is pending. */
  readonly recipe: string | null;
  /** 1 once a user who was listed was found by id, too: the credential may look users up. Else 0. */
  readonly finds: 0 | 1;
}

/** What the open batch holds so far; times in RFC 3339, sizes in bytes. */
export interface OpenBatch {
  readonly lines: number;
  readonly bytes: number;
  readonly opened_at: string | null;
  readonly effects: Effects;
}

/**
 * The ledger and the spool of one connection, behind one interface. Used by the engine under the connection's lease.
 * Every method happened wholly or not at all, also when the process is killed in it.
 */
export interface Journal {
  facts(): LedgerFacts;
  note(facts: Partial<LedgerFacts>): void;
  /** A time later than every time handed out before: `max(now, last + 1 µs)`, RFC 3339 with microseconds. */
  now(): string;

  scan(): OpenScan | null;
  beginScan(kind: 'sync' | 'backfill', recipe: string): OpenScan;
  /** Begins the open scan's listing anew: seen users and cursor are dropped, the open batch stays. */
  restartScan(): OpenScan;
  /** Forgets the scan: after its sweep, or when it is not to be gone on with. */
  endScan(): void;
  /** Distinct users met by the open scan. */
  seenCount(): number;
  wasSeen(num: number): boolean;

  /** What is known of these users, in the same order; null for an id met for the first time. */
  meet(ids: readonly string[]): Promise<readonly (Known | null)[]>;
  /** A number for a user met for the first time. */
  number(): number;
  hasRejected(payload_hash: string): boolean;
  /** Records a page: spool bytes made durable first, then one ledger transaction. */
  step(page: Diffed): Promise<void>;

  openBatch(): OpenBatch;
  /**
   * Fixes the open batch; null when it is empty. A batch that is sealed already is returned as it is. Pages that follow
   * go to the next batch, so that reading goes on while this one is applied.
   */
  seal(run_id: string): Promise<Batch | null>;
  sealed(): Batch | null;
  /** Remembers, before the transaction, the users of the sealed batch whose row the warehouse will not take. */
  refuse(user_ids: readonly string[]): void;
  /**
   * The warehouse has the batch. Returns its true effects, refused users left out; `record` is told them within the
   * same transaction, so that a run's counts are recorded with what they count.
   */
  promote(batch: Batch, record?: (effects: Effects) => void): Promise<Effects>;

  /** Someone whom the open scan saw and who has a live row: the control of lookups. Null when there is nobody. */
  listed(): string | null;
  /** Known users with a live row whom the open scan did not meet, in order of their numbers. */
  missing(): Iterable<Known>;
  /** Users with a live row, in order of their numbers. */
  live(): Iterable<Known>;
  /** True for a user whom the last complete scan did not see either. */
  missedBefore(num: number): boolean;
  /** Remembers whom the open, complete scan did not see; once it has ended they were missed before. */
  noteMissed(nums: readonly number[]): void;
  /** Up to `count` users who are kept as inactive and whom the open scan did not meet: those whose turn it is. */
  recheck(count: number): readonly Known[];
  /** Users whose row is kept although they are no longer listed, because their account is off. */
  inactive(): number;
  /** Those of them whom the open scan did not meet. */
  unseenInactive(): number;
  /** Users without a live row among those whom the open scan met: their records were refused. */
  seenWithoutRow(): number;
  /** Rejected records, newest first. */
  rejected(limit: number): readonly Rejected[];
  markReplayed(payload_hashes: readonly string[], at: string): void;

  /** The spool files of what waits are there, whole. */
  spoolIntact(): boolean;
  /** Drops the open scan and the open or sealed batch: nothing of them was loaded. Returns what was quarantined in them. */
  dropPending(): readonly Rejected[];
  /** Forgets one user and what was quarantined of him. */
  erase(user_id: string): void;

  saveRun(run: Run, sent: boolean): void;
  runs(limit: number): readonly Run[];
  unsentRuns(): readonly Run[];
  markSent(run_ids: readonly string[]): void;
  /** The newest runs, so many, are to be sent again: the warehouse has lost them. */
  markUnsent(most: number): void;
  /** Forgets older runs, but the newest ones, and older rejected records that the warehouse has. Says how many of each. */
  retire(before: { readonly runs: string | null; readonly rejected: string | null }): {
    runs: number;
    rejected: number;
  };
  /** Folds the write-ahead log into the ledger's file and cuts it short. */
  checkpoint(): void;
  /** A ledger that was found damaged (an error with `ledgerLost`) is set aside, so that the next opening makes a new one. */
  close(): void;
}

/** What a rebuilt ledger starts from: the warehouse's own word. */
export interface RebuildStart {
  readonly epoch: string;
  readonly seq: number;
  readonly batch_id: string;
  readonly account: string | null;
  /** Our last known time in the warehouse (RFC 3339): later ones must be later. */
  readonly after: string;
}

/** The ledger of one connection as a file: opening it, and making it anew from the warehouse. */
export interface Ledger {
  /** `fresh`: there was no ledger, or it was unreadable (then it is kept aside and `broken` names the copy). */
  open(): Promise<{ journal: Journal; fresh: boolean; broken: string | null }>;
  /** A copy in a folder of its own, without the open scan and batch: what is tried on it leaves the ledger as it is. */
  copy(folder: string): Promise<Ledger>;
  /** Fills a new ledger beside the old one from rows of `users` (user_id, fingerprint, gone, off) and puts it in its place. */
  rebuild(rows: AsyncIterable<Row>, start: RebuildStart): Promise<Journal>;
  /** The connection's journal of writes; null when there is none and it is not to be made. The caller closes it. */
  writes(make: boolean): WriteLog | null;
  /** Does this while nobody on this host writes to the connection's users; not at all where somebody does. */
  unlessWriting(work: () => void): void;
}
