import { randomUUID } from 'node:crypto';
import type { Journal } from '../contract/journal.ts';
import { type Counts, noCounts, type Outcome, type Run, type RunKind, type Trigger } from '../contract/run.ts';
import type { Reader } from '../contract/source.ts';
import { isAbort, locate, RollcallError } from '../errors.ts';
import { writeRun } from '../sql/runs.ts';
import { applyBatch, isFull } from './apply.ts';
import { columnRules } from './columns.ts';
import { recipeOf } from './fingerprint.ts';
import { recover } from './recover.ts';
import { stageRefs } from './refs.ts';
import { readListing, type ScanWork } from './scan.ts';
import type { Deps } from './settings.ts';
import { sweep } from './sweep.ts';

/** What is asked of a run. */
export interface RunRequest {
  readonly kind: Extract<RunKind, 'sync' | 'backfill'>;
  readonly trigger: Trigger;
  readonly scheduled_at: string | null;
  readonly allowDeletes: boolean;
}

/** An open scan older than this is begun anew, in ms: what it saw first may have left since. */
const RESUME_WITHIN = { sync: 60 * 60_000, backfill: 24 * 60 * 60_000 };

interface Progress {
  journal: Journal;
  run: Run;
  readonly counts: Counts;
}

/** Opens the scan: the recorded one where it may be gone on with, else a new one. */
function openScan(
  journal: Journal,
  request: RunRequest,
  recipe: string,
): { resumed: boolean; kind: 'sync' | 'backfill' } {
  const open = journal.scan();
  if (open !== null && open.recipe === recipe) {
    const age = Date.now() - Date.parse(open.moved_at);
    // A backfill that was interrupted is finished by whichever run comes next.
    const fits = open.kind === request.kind || open.kind === 'backfill';
    if (fits && age <= RESUME_WITHIN[open.kind]) return { resumed: true, kind: open.kind };
  }
  journal.beginScan(request.kind, recipe);
  return { resumed: false, kind: request.kind };
}

async function follow(deps: Deps, request: RunRequest, progress: Progress, reader: Reader): Promise<void> {
  const { settings, observer } = deps;
  const recipe = recipeOf(settings);
  const account = (await reader.account()).id;
  const recovery = { deps, journal: progress.journal, recipe, account, counts: progress.counts };
  try {
    await recover(recovery);
  } finally {
    progress.journal = recovery.journal;
  }
  const { journal, counts, run } = progress;
  const applying = { deps, journal, recipe, run_id: run.run_id, counts };
  if (journal.sealed() !== null) await applyBatch(applying);
  const refs = await reader.refs();
  const { resumed, kind } = openScan(journal, request, recipe);
  if (resumed) observer.note('scan resumed', { connection: settings.name, page: (journal.scan()?.pages ?? 0) + 1 });
  await stageRefs(journal, refs);
  const work: ScanWork = {
    deps,
    journal,
    reader,
    refs,
    counts,
    badSeen: 0,
    rules: {
      source: settings.source,
      refs,
      recipe,
      rules: columnRules(settings),
      maxRecordBytes: settings.quarantine.max_record_bytes,
      run_id: run.run_id,
      rewrite: kind === 'backfill',
    },
    flush: async () => {
      if (isFull(journal, Date.now())) await applyBatch(applying);
    },
  };
  await readListing(work);
  counts.seen = journal.seenCount();
  await applyBatch(applying);
  const swept = await sweep(work, journal.listed(), request.allowDeletes);
  await applyBatch(applying);
  counts.unchanged = Math.max(0, counts.seen - counts.inserted - counts.updated - counts.restored - work.badSeen);
  progress.run = {
    ...progress.run,
    kept: { unproven: swept.unproven, inactive: journal.inactive() },
    warnings: [...progress.run.warnings, ...swept.warnings],
  };
  journal.endScan();
}

function outcomeOf(error: unknown): Outcome {
  if (isAbort(error)) return 'interrupted';
  return error instanceof RollcallError && error.kind === 'refused' ? 'refused' : 'failed';
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

/** Writes the rows of runs at once where that costs nothing; elsewhere they go with the next batch. */
async function sendRuns(deps: Deps, journal: Journal): Promise<void> {
  if (!deps.warehouse.freeWrites) return;
  const unsent = journal.unsentRuns().filter((run) => run.outcome !== null);
  if (unsent.length === 0 || journal.facts().layout === null) return;
  const session = await deps.open('write');
  try {
    await session?.run(unsent.flatMap((run) => writeRun(deps.warehouse.dialect, run)));
  } finally {
    await session?.close();
  }
  journal.markSent(unsent.map((run) => run.run_id));
}

function begin(deps: Deps, request: RunRequest, journal: Journal): Progress {
  const run: Run = {
    run_id: randomUUID(),
    connection: deps.settings.name,
    source: deps.settings.source.name,
    kind: request.kind,
    trigger: request.trigger,
    outcome: null,
    scheduled_at: request.scheduled_at,
    started_at: journal.now(),
    finished_at: null,
    counts: noCounts(),
    kept: { unproven: 0, inactive: 0 },
    warnings: [],
    error: null,
  };
  closeInterrupted(journal);
  journal.saveRun(run, false);
  return { journal, run, counts: run.counts };
}

/** Executes one run under the connection's lease and returns how it ended. Throws only what no run could be made of (`busy`). */
export async function execute(deps: Deps, request: RunRequest): Promise<Run> {
  const release = await deps.lease();
  const started = performance.now();
  try {
    const { journal, fresh, broken } = await deps.ledger.open();
    if (broken !== null)
      deps.observer.warn(`${deps.settings.name}: the ledger was unreadable; it is kept as ${broken}`);
    if (fresh) deps.observer.note('ledger made', { connection: deps.settings.name });
    const progress = begin(deps, request, journal);
    const { reader, close } = deps.connect(progress.counts);
    let failure: unknown = null;
    try {
      await follow(deps, request, progress, reader);
    } catch (error) {
      failure = error;
    } finally {
      close();
    }
    try {
      return await finish(deps, progress, failure, performance.now() - started);
    } finally {
      progress.journal.close();
    }
  } finally {
    release();
  }
}

async function finish(deps: Deps, progress: Progress, failure: unknown, ms: number): Promise<Run> {
  const { journal, counts } = progress;
  counts.duration_ms = Math.round(ms);
  const located = failure === null || isAbort(failure) ? null : locate(failure, deps.settings.name, 'run');
  const run: Run = {
    ...progress.run,
    outcome: failure === null ? 'ok' : outcomeOf(failure),
    finished_at: journal.now(),
    counts,
    error:
      located === null
        ? null
        : { kind: located.kind, step: located.step, message: located.message, retryable: located.retryable },
  };
  journal.saveRun(run, false);
  try {
    await sendRuns(deps, journal);
  } catch (error) {
    deps.observer.warn(
      `${deps.settings.name}: the run's row will be written with the next run: ${locate(error, deps.settings.name, 'sync_runs').message}`,
    );
  }
  return run;
}
