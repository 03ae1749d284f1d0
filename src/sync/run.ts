import type { Journal } from '../contract/journal.ts';
import type { Run, Usage } from '../contract/run.ts';
import type { Reader } from '../contract/source.ts';
import { isAbort, locate, RollcallError } from '../errors.ts';
import { writeRuns } from '../sql/runs.ts';
import { applyBatch } from './apply.ts';
import { recipeOf } from './fingerprint.ts';
import { applying, followListing } from './follow.ts';
import type { Following } from './following.ts';
import { metered } from './metering.ts';
import type { Recovery } from './rebuild.ts';
import { rebuildNow, recover, wasTaken } from './recover.ts';
import { replay } from './replay.ts';
import { failedRun, newRun } from './report.ts';
import type { RunRequest } from './request.ts';
import { resync } from './resync.ts';
import type { Deps } from './settings.ts';
import { settleWrites } from './written.ts';

export type { RunRequest } from './request.ts';

/** A run under way. The journal may be another one after recovery. */
interface Progress {
  readonly request: RunRequest;
  journal: Journal;
  readonly run: Run;
  readonly kept: { unproven: number; inactive: number };
  readonly warnings: string[];
}

async function recovered(r: Recovery, progress: Progress, work: (r: Recovery) => Promise<void>): Promise<void> {
  try {
    await work(r);
  } finally {
    progress.journal = r.journal;
  }
}

/**
 * Does a run's work. Where the ledger was only believed to be the warehouse's, and the fence tells that it was not when
 * the run began, it is made anew, as it would have been then, and the work is done once more. Whoever loses the
 * connection later on stops.
 */
async function believing<T>(r: Recovery, progress: Progress, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (r.believed !== true || !(error instanceof RollcallError) || error.kind !== 'lost-lease') throw error;
    if (!(await wasTaken(r, progress.run.started_at))) throw error;
    r.believed = false;
    progress.run.counts.rejected = 0;
    await recovered(r, progress, recover);
    return work();
  }
}

/** What waits under another recipe was mapped by other rules: nothing of it was loaded, and it is read again. */
function dropOlderRecipe(journal: Journal, recipe: string): void {
  if (journal.facts().recipe === recipe) return;
  journal.dropPending();
  journal.note({ recipe });
}

async function body(deps: Deps, request: RunRequest, progress: Progress, reader: Reader): Promise<void> {
  const { run, kept, warnings } = progress;
  const { counts, run_id } = run;
  const account = (await reader.account()).id;
  const recipe = recipeOf(deps.settings);
  const recovery: Recovery = {
    deps,
    journal: progress.journal,
    recipe,
    account,
    counts,
    warnings,
    record: (journal) => journal.saveRun(run, false),
  };
  await recovered(recovery, progress, recover);
  const record = (): void => progress.journal.saveRun(run, false);
  const following = (): Following => ({
    deps,
    reader,
    counts,
    run_id,
    kept,
    warnings,
    record,
    journal: progress.journal,
  });
  const unbalanced = await believing(recovery, progress, async () => {
    dropOlderRecipe(progress.journal, recipe);
    if (progress.journal.sealed() !== null) await applyBatch(applying(following()));
    if (request.kind !== 'resync') return followListing(following(), request.kind, request.allowDeletes);
    const { chosen = { ids: [] } } = request;
    await (chosen === 'rejected' ? replay(following()) : resync(following(), chosen));
    return null;
  });
  if (unbalanced === null || request.kind === 'resync') return;
  // The warehouse has the truth: the ledger is made anew from it and everything is compared once more.
  warnings.push(
    `the books did not balance (${unbalanced}); the ledger was rebuilt from the warehouse and the listing read again`,
  );
  await recovered(recovery, progress, (r) => rebuildNow(r, unbalanced));
  dropOlderRecipe(progress.journal, recipe);
  const still = await followListing(following(), request.kind, request.allowDeletes);
  if (still === null) return;
  const name = deps.settings.name;
  throw new RollcallError(
    'bug',
    `${name}: the books do not balance after a rebuild: ${still}. Please report it with the output of \`rollcall state show ${name}\``,
    {
      connection: name,
      step: 'reconcile',
    },
  );
}

/** Runs whose process ended before they could say so. */
function closeInterrupted(journal: Journal): void {
  for (const run of journal.unsentRuns()) {
    if (run.outcome !== null) continue;
    const error = {
      kind: 'transient',
      step: '',
      message: 'the process ended before the run did',
      retryable: true,
    } as const;
    journal.saveRun({ ...run, outcome: 'interrupted', finished_at: run.started_at, error }, false);
  }
}

/** Writes the rows of runs at once where that costs nothing, or the warehouse is at work for this run anyway; else they go with the next batch. */
async function sendRuns(deps: Deps, journal: Journal, applied: boolean): Promise<void> {
  if (!deps.warehouse.freeWrites && !applied) return;
  const unsent = journal.unsentRuns().filter((run) => run.outcome !== null);
  if (unsent.length === 0 || journal.facts().layout === null) return;
  const session = await deps.open('write');
  try {
    await session?.run(writeRuns(deps.warehouse.dialect, unsent));
  } finally {
    await session?.close();
  }
  journal.markSent(unsent.map((run) => run.run_id));
}

/** What is asked for, and since when. `run` is there where this is its second attempt, with a new ledger: its counts go on. */
interface Attempt {
  readonly request: RunRequest;
  readonly started: number;
  run: Run | null;
}

function begin(deps: Deps, attempt: Attempt, journal: Journal): Progress {
  closeInterrupted(journal);
  const run = attempt.run ?? newRun(deps.settings, attempt.request, journal.now());
  journal.saveRun(run, false);
  attempt.run = run;
  const { request } = attempt;
  return { request, journal, run, kept: { unproven: 0, inactive: 0 }, warnings: [] };
}

/** A run's end by an error. */
function endedBy(run: Run, failure: unknown, { parks }: RunRequest): Run {
  const ended = failedRun(run, failure);
  if (parks === undefined || ended.error?.kind !== 'rate-limited') return ended;
  parks(failure instanceof RollcallError ? (failure.retryAfterMs ?? null) : null);
  return { ...ended, outcome: 'interrupted' };
}

/** Records the run; a ledger that cannot be written (a full disk) is what the run failed with, unless it had failed before. */
function save(deps: Deps, { journal, request }: Progress, ended: Run, failure: unknown): Run {
  const run = failure === null ? ended : endedBy(ended, failure, request);
  try {
    const dated = { ...run, finished_at: journal.now() };
    journal.saveRun(dated, false);
    return dated;
  } catch (error) {
    if (failure === null) return failedRun(ended, error);
    const { message } = locate(error, deps.settings.name, 'record the run');
    deps.observer.warn(`${deps.settings.name}: the run could not be recorded: ${message}`);
    return run;
  }
}

/** Time in ms, and what the warehouse says it did. */
interface Used {
  readonly ms: number;
  readonly usage: Usage | null;
}

async function finish(deps: Deps, progress: Progress, failure: unknown, used: Used): Promise<Run> {
  const { journal, kept, warnings } = progress;
  const { usage, ms } = used;
  const counts = { ...progress.run.counts, duration_ms: Math.round(ms) };
  const finished_at = new Date().toISOString();
  const run = save(
    deps,
    progress,
    { ...progress.run, outcome: 'ok', finished_at, counts, kept, warnings, usage },
    failure,
  );
  // Whoever held the warehouse for so long holds it still: the row goes with the next run.
  if (failure instanceof RollcallError && failure.kind === 'busy') return run;
  try {
    await sendRuns(deps, journal, run.counts.batches > 0);
  } catch (error) {
    const message = isAbort(error) ? 'it was asked to stop' : locate(error, deps.settings.name, 'sync_runs').message;
    deps.observer.warn(`${deps.settings.name}: the run's row will be written with the next run: ${message}`);
  }
  return run;
}

/** True where the ledger was found damaged: it is out of the way once it is closed, and a new one may be made. */
const ledgerLost = (error: unknown): boolean => error instanceof RollcallError && error.ledgerLost;

async function openLedger({ ledger, observer, settings }: Deps): Promise<Journal> {
  const { journal, fresh, broken } = await ledger.open();
  if (broken !== null) observer.warn(`${settings.name}: the ledger was unreadable; it is kept as ${broken}`);
  else if (fresh) observer.note('ledger made', { connection: settings.name });
  return journal;
}

async function underLease(deps: Deps, attempt: Attempt): Promise<Run> {
  const journal = await openLedger(deps);
  let progress: Progress | null = null;
  try {
    progress = begin(deps, attempt, journal);
    const meter = metered(deps, progress.run.counts);
    let failure: unknown = null;
    try {
      const { reader, close } = deps.connect(progress.run.counts);
      try {
        await body(meter.deps, attempt.request, progress, reader);
      } finally {
        close();
      }
    } catch (error) {
      failure = error;
    }
    if (ledgerLost(failure)) throw failure;
    return await finish(deps, progress, failure, { ms: performance.now() - attempt.started, usage: meter.usage() });
  } finally {
    (progress?.journal ?? journal).close();
  }
}

async function leased(deps: Deps, request: RunRequest): Promise<Run> {
  const attempt: Attempt = { request, started: performance.now(), run: null };
  const release = await deps.lease();
  try {
    return await underLease(deps, attempt);
  } catch (error) {
    if (!ledgerLost(error)) throw error;
    // What was done is in the warehouse; the run begins anew with a ledger that is made from there.
    deps.observer.warn(`${deps.settings.name}: the ledger was damaged; it is kept aside, and a new one is made`);
    return await underLease(deps, attempt);
  } finally {
    await release();
  }
}

/** Executes one run under the connection's lease and returns how it ended. Throws only what no run could be made of (`busy`). */
export async function execute(deps: Deps, request: RunRequest): Promise<Run> {
  const run = await leased(deps, request);
  if (run.outcome !== 'failed') await settleWrites(deps, request.trigger, leased);
  return run;
}
