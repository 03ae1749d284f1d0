import type { Effects } from '../contract/effects.ts';
import type { Batch, Journal } from '../contract/journal.ts';
import type { Counts } from '../contract/run.ts';
import type { BatchLimits, Session, Statement } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { applyScript, type BatchFacts, inspect } from '../sql/apply.ts';
import { writeRefs } from '../sql/refs.ts';
import { RUNS_AT_ONCE, writeRuns } from '../sql/runs.ts';
import { readState } from '../sql/state.ts';
import type { Deps } from './settings.ts';

/** What applying works with. */
export interface ApplyWork {
  readonly deps: Deps;
  readonly journal: Journal;
  readonly recipe: string;
  readonly run_id: string;
  readonly counts: Counts;
  /** Users whose values the warehouse did not take. */
  readonly tally: { refused: number };
  /** Writes the run as it is into the ledger: a killed process leaves what it did. */
  record(): void;
}

/** A batch is full with so many lines, bytes, or ms since its first line. */
export const FULL: BatchLimits = { lines: 20_000, bytes: 64 * 1024 * 1024, age: 15 * 60_000 };

/** True when the open batch should be applied before the listing is read on. */
export function isFull(journal: Journal, full: BatchLimits, nowMs: number): boolean {
  const { lines, bytes, opened_at } = journal.openBatch();
  const age = opened_at === null ? 0 : nowMs - Date.parse(opened_at);
  return lines >= full.lines || bytes >= full.bytes || age >= full.age;
}

function factsOf(work: ApplyWork, batch: Batch): BatchFacts {
  const { epoch, account } = work.journal.facts();
  const { name, source } = work.deps.settings;
  const { seq, batch_id, run_id, recorded_at, ops, effects } = batch;
  return {
    connection: name,
    source: source.name,
    epoch: epoch ?? '',
    account: account ?? '',
    recipe: work.recipe,
    seq,
    batch_id,
    run_id,
    recorded_at,
    ops,
    onlyNew: effects.updated + effects.restored + effects.deleted + effects.same === 0,
  };
}

async function rows(session: Session, query: Statement): Promise<Readonly<Record<string, unknown>>[]> {
  return Array.fromAsync(session.read(query));
}

/** A batch in staging; `refused` are the users whose values do not convert. */
interface Staged {
  readonly staging: string;
  readonly refused: readonly string[];
  readonly repeated: boolean;
}

/** Stages the batch and makes sure that all of it is there. */
async function stage(work: ApplyWork, session: Session, batch: Batch, facts: BatchFacts): Promise<Staged> {
  const { deps } = work;
  const staging = await session.stage(batch, deps.signal);
  const { lines, refused } = inspect(deps.warehouse.dialect, facts, staging);
  const [found] = await rows(session, lines);
  if (Number(found?.lines) !== batch.lines) {
    throw new RollcallError(
      'transient',
      `staged ${Number(found?.lines)} of the ${batch.lines} lines of batch ${batch.seq}; run again to load it anew`,
      {
        connection: deps.settings.name,
        step: `stage batch ${batch.seq}`,
      },
    );
  }
  const repeated = Number(found?.repeats) > 0;
  if (Number(found?.bad) === 0) return { staging, refused: [], repeated };
  return { staging, refused: (await rows(session, refused)).map((row) => String(row.user_id)), repeated };
}

/** The fence was not passed: an earlier attempt of this batch did it, or another writer has the connection. */
async function settleFence(work: ApplyWork, session: Session, batch: Batch, staging: string): Promise<void> {
  const { settings, warehouse } = work.deps;
  const [state] = await rows(session, readState(warehouse.dialect, settings.name));
  if (state?.batch_id === batch.batch_id) return;
  // Nobody will load this batch: it is read again under another number.
  await session.unstage(staging);
  throw new RollcallError(
    'lost-lease',
    `${settings.name}: another process took this connection over; batch ${batch.seq} was not applied and nothing is lost`,
    {
      connection: settings.name,
      step: `apply batch ${batch.seq}`,
    },
  );
}

/** Adds what a batch did to a run's counts. */
export function addBatch(counts: Counts, effects: Effects): void {
  counts.inserted += effects.inserted;
  counts.updated += effects.updated;
  counts.restored += effects.restored;
  counts.deleted += effects.deleted;
  counts.batches += 1;
}

async function applyIn(work: ApplyWork, session: Session, batch: Batch): Promise<void> {
  const { deps, journal, counts } = work;
  const { dialect } = deps.warehouse;
  const facts = factsOf(work, batch);
  const { staging, refused, repeated } = await stage(work, session, batch, facts);
  journal.refuse(refused);
  // Where rows of runs wait for a batch there may be hundreds; the others are sent when the run has ended.
  const waiting = journal.unsentRuns().filter((run) => run.run_id !== work.run_id);
  const unsent = waiting.slice(0, RUNS_AT_ONCE);
  const extra = [...writeRefs(dialect, facts, { staging, ops: batch.ops }), ...writeRuns(dialect, unsent)];
  const result = await session.transact(
    applyScript(dialect, facts, { staging, refused: refused.length > 0, repeated, extra }),
    deps.signal,
  );
  if (result === 'fenced') await settleFence(work, session, batch, staging);
  else journal.markSent(unsent.map((run) => run.run_id));
  await journal.promote(batch, (effects) => {
    addBatch(counts, effects);
    counts.rejected += refused.length;
    work.tally.refused += refused.length;
    work.record();
  });
  await session.unstage(staging);
}

/** Applies a sealed batch and promotes it. */
export async function applySealed(work: ApplyWork, batch: Batch): Promise<void> {
  const { deps } = work;
  const session = await deps.open('write');
  if (session === null) throw new Error('a warehouse opened for writing is never absent');
  const started = performance.now();
  try {
    await applyIn(work, session, batch);
  } catch (error) {
    // What it refuses for no known reason may lack a column that somebody dropped: the next run makes all as it should be.
    if (error instanceof RollcallError && error.kind === 'bug') work.journal.note({ layout: null });
    throw error;
  } finally {
    await session.close();
  }
  deps.observer.note('batch applied', {
    connection: deps.settings.name,
    seq: batch.seq,
    lines: batch.lines,
    ms: Math.round(performance.now() - started),
  });
}

/** Seals the open batch (or takes the sealed one) and applies it. Nothing happens when there is none. */
export async function applyBatch(work: ApplyWork): Promise<void> {
  const batch = await work.journal.seal(work.run_id);
  if (batch !== null) await applySealed(work, batch);
}
