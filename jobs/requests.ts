import type { Run, RunKind } from '../src/contract/run.ts';
import type { Chosen } from '../src/contract/source.ts';
import type { RunRequest } from '../src/sync/run.ts';

/** What a job of the queue `runs` asks for: a name and options, never a secret or a record. */
export interface RunData {
  readonly connection: string;
  readonly kind: RunKind;
  readonly trigger: 'schedule' | 'enqueue';
  /** When the schedule was due (RFC 3339); null for a run that a person asked for. */
  readonly scheduled_at: string | null;
  readonly allow_deletes: boolean;
  /** Whom a resync is for: one of the two. */
  readonly ids?: readonly string[];
  readonly emails?: readonly string[];
}

/** How a job of the queue `runs` ended. `skipped`: there was nothing left to do, and why. */
export type RunResult = { readonly run: Run } | { readonly skipped: string };

/** What a job of the queue `runs` shows while it goes on. */
export interface RunProgress {
  readonly users: number;
  readonly pages: number;
  /** What it waits for, and until when; null while it works. */
  readonly waiting: { readonly reason: string; readonly until: string } | null;
  /** How the last attempt ended, where there was one. */
  readonly run?: Run;
}

/** A job of the queue `ticks`: a schedule is due. */
export interface TickData {
  readonly connection: string;
}

function chosenOf({ ids, emails }: RunData): { chosen?: Chosen } {
  if (ids !== undefined) return { chosen: { ids } };
  return emails === undefined ? {} : { chosen: { emails } };
}

/** What the engine is asked for by a job; `parks` is told of a server's long wait. */
export function requestOf(data: RunData, parks: (ms: number | null) => void): RunRequest {
  const { kind, trigger, scheduled_at, allow_deletes } = data;
  return { kind, trigger, scheduled_at, allowDeletes: allow_deletes, parks, ...chosenOf(data) };
}
