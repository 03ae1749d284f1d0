import type { ErrorKind } from '../errors.ts';

/** What a run does: follow changes, write every row again, or look up chosen users. */
export type RunKind = 'sync' | 'backfill' | 'resync';

/** What started it. */
export type Trigger = 'command' | 'schedule' | 'enqueue';

/** How it ended. `refused`: a guard stopped it; `interrupted`: it was asked to stop, or its process was killed. */
export type Outcome = 'ok' | 'refused' | 'failed' | 'interrupted';

/** What a run counted. Users are counted once each, requests as sent on the wire, times in ms. */
export interface Counts {
  pages: number;
  requests: number;
  seen: number;
  inserted: number;
  updated: number;
  unchanged: number;
  deleted: number;
  restored: number;
  rejected: number;
  batches: number;
  /** Statements that loaded, changed or scanned data in the warehouse; 0 when nothing changed. */
  statements: number;
  retries: number;
  waited_ms: number;
  duration_ms: number;
}

/** What a run used of a warehouse that bills; a warehouse that says nothing of it reports none. */
export interface Usage {
  /** Rows that loads and statements wrote, staging included. */
  rows: number;
  /** Bytes handed over for loading. */
  bytes: number;
  /** Bytes that the warehouse charges for (BigQuery). */
  bytes_billed: number;
  /** Slot time in ms (BigQuery). */
  slot_ms: number;
  /** Ids of the jobs (BigQuery) or queries (Snowflake), oldest first, to look them up in the warehouse's own history. */
  jobs: string[];
}

/** A run's error as `--json`, `sync_runs` and alerts show it. */
export interface RunError {
  readonly kind: ErrorKind;
  readonly step: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** One execution: a row of `sync_runs`, a line of `sync --json`. Times are RFC 3339 with microseconds, or null. */
export interface Run {
  readonly run_id: string;
  readonly connection: string;
  readonly source: string;
  readonly kind: RunKind;
  readonly trigger: Trigger;
  /** Null while it runs. */
  readonly outcome: Outcome | null;
  readonly scheduled_at: string | null;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly counts: Counts;
  /** Rows kept although the listing did not return them. */
  readonly kept: { readonly unproven: number; readonly inactive: number };
  readonly warnings: readonly string[];
  /** Null where the warehouse reports no usage, or was not used. */
  readonly usage: Usage | null;
  readonly error: RunError | null;
}

/** Counts of a run that has not begun. */
export function noCounts(): Counts {
  return {
    pages: 0,
    requests: 0,
    seen: 0,
    inserted: 0,
    updated: 0,
    unchanged: 0,
    deleted: 0,
    restored: 0,
    rejected: 0,
    batches: 0,
    statements: 0,
    retries: 0,
    waited_ms: 0,
    duration_ms: 0,
  };
}

/** Told what a run does while it does it: the progress line, the log, the metrics. Calls must not throw. */
export interface Observer {
  /** A page was read and recorded; counts are the run's so far. */
  page(counts: Readonly<Counts>): void;
  /** A wait begins, for a budget, a server's word or a lock. */
  waiting(ms: number, reason: string): void;
  /** A step worth a line in the log: `scan resumed`, `batch applied`. */
  note(step: string, facts: Readonly<Record<string, string | number>>): void;
  warn(message: string): void;
}
