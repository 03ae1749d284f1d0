import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import type { Connection } from '../config/types.ts';
import type { Run } from '../src/contract/run.ts';
import { isAbort, locate } from '../src/errors.ts';
import { ledgerFile } from '../src/journal/ledger.ts';
import { execute } from '../src/sync/run.ts';
import { afterRun } from './alerts.ts';
import type { RunFact } from './facts.ts';
import type { AnyJob } from './queue/backend.ts';
import { type RunData, type RunProgress, type RunResult, requestOf } from './requests.ts';
import { OCCUPIED_MS, Occupied, surroundings } from './surroundings.ts';
import type { Workshop } from './workshop.ts';

type RunJob = AnyJob<RunData, RunResult>;

/** A server that asks to wait for longer is asked again after a day, in ms. */
const LONGEST_PARK_MS = 24 * 60 * 60_000;

/** A server that refuses without saying for how long is left alone for a minute. */
const SHORTEST_PARK_MS = 60_000;

/** Why a job has nothing to do; null when it has. */
async function needless(shop: Workshop, job: RunJob, last: RunFact | null): Promise<string | null> {
  const { connection, trigger, scheduled_at } = job.data;
  if (trigger !== 'schedule') return null;
  if (shop.config.connections.get(connection)?.schedule === undefined) return 'it has no schedule any more';
  if (await shop.facts.paused(connection)) return 'paused';
  const covers = last !== null && last.outcome === 'ok' && last.kind !== 'resync';
  return covers && scheduled_at !== null && last.started_at >= scheduled_at
    ? 'a run that began later did its work'
    : null;
}

/** The run that this job has made already: its process ended, slept or lost the queue between the end of the run and that of the job. */
function madeBefore(job: RunJob, last: RunFact | null): Run | null {
  if (last === null || last.job_id !== job.id) return null;
  return last.outcome === 'ok' || last.outcome === 'refused' ? last.run : null;
}

async function remember(shop: Workshop, job: RunJob, run: Run, last: RunFact | null): Promise<RunFact> {
  const { kind, trigger, outcome, run_id, scheduled_at, started_at } = run;
  const finished_at = run.finished_at ?? new Date(shop.tools.now()).toISOString();
  const fact: RunFact = {
    job_id: job.id ?? '',
    run_id,
    kind,
    trigger,
    outcome: outcome ?? 'failed',
    scheduled_at,
    started_at,
    finished_at,
    ok_at: outcome === 'ok' && kind !== 'resync' ? finished_at : (last?.ok_at ?? null),
    schedule_at: trigger === 'schedule' ? started_at : (last?.schedule_at ?? null),
    host: shop.tools.host,
    ledger: ledgerFile(shop.config.state.dir, run.connection),
    run,
  };
  await shop.facts.setRun(run.connection, fact);
  return fact;
}

/** Puts the job away until a time; it is no failed attempt, and its slot and its lease are free meanwhile. */
async function park(shop: Workshop, job: RunJob, ms: number, reason: string): Promise<never> {
  // Postgres takes whole milliseconds only.
  const until = Math.ceil(shop.tools.now() + Math.min(ms, LONGEST_PARK_MS));
  const before = (job.progress as RunProgress | null) ?? {};
  await job.updateProgress({
    users: 0,
    pages: 0,
    ...before,
    waiting: { reason, until: new Date(until).toISOString() },
  });
  await job.moveToDelayed(until, job.token);
  shop.tools.log.info({ connection: job.data.connection, until: new Date(until).toISOString(), reason }, 'parked');
  throw new DelayedError();
}

/** How a run ended, with what its job must know. */
interface Ended {
  readonly run: Run;
  /** How long its server wants to be left alone; null where it asked for nothing. */
  readonly parkMs: number | null;
  readonly leaseLost: boolean;
}

/** What becomes of the job after its run: done, put away, handed to another worker, tried again, or failed for good. */
async function settle(shop: Workshop, job: RunJob, { run, parkMs, leaseLost }: Ended): Promise<RunResult> {
  if (run.outcome === 'ok' || run.outcome === 'refused') return { run };
  if (parkMs !== null) {
    shop.metrics.waited(run.connection, 'rate-limit', Math.min(parkMs, LONGEST_PARK_MS));
    return park(shop, job, parkMs, 'rate-limit');
  }
  if (run.outcome === 'interrupted') {
    if (leaseLost) throw new UnrecoverableError(`${run.connection}: another worker took the connection over`);
    await job.moveToWait(job.token);
    throw new WaitingError();
  }
  await job.updateProgress({ users: run.counts.seen, pages: run.counts.pages, waiting: null, run });
  const words = run.error?.message ?? `the run was ${run.outcome}`;
  throw run.error?.retryable === true ? new Error(words) : new UnrecoverableError(words);
}

async function occupied(shop: Workshop, job: RunJob, error: unknown): Promise<RunResult> {
  const { connection } = job.data;
  const found = locate(error, connection, 'run');
  if (found.kind !== 'busy') {
    if (isAbort(error)) {
      await job.moveToWait(job.token);
      throw new WaitingError();
    }
    throw found.retryable ? found : new UnrecoverableError(found.message);
  }
  const self = error instanceof Occupied && error.self;
  // The schedule wanted a run of this connection, and there is one.
  if (job.data.trigger === 'schedule' && !self) return { skipped: found.message };
  return park(shop, job, OCCUPIED_MS * (0.5 + Math.random()), found.message);
}

async function runNow(shop: Workshop, job: RunJob, connection: Connection, last: RunFact | null): Promise<RunResult> {
  const around = surroundings(shop, connection, job);
  const { log } = shop.tools;
  let parkMs: number | null = null;
  let run: Run;
  try {
    const request = requestOf(job.data, (ms) => {
      parkMs = ms ?? SHORTEST_PARK_MS;
    });
    run = await execute(shop.tools.deps(connection, around), request);
  } catch (error) {
    return occupied(shop, job, error);
  }
  const { run_id, kind, trigger, outcome, counts, error } = run;
  log.info(
    { connection: connection.name, run_id, kind, trigger, outcome, ...counts, ...(error === null ? {} : { error }) },
    'run ended',
  );
  shop.metrics.ran(run);
  const fact = await remember(shop, job, run, last);
  await afterRun(shop, run, fact);
  return settle(shop, job, { run, parkMs, leaseLost: around.leaseLost.aborted });
}

/** Does one job of the queue `runs`. */
export async function handleRun(shop: Workshop, job: RunJob): Promise<RunResult> {
  const { connection: name } = job.data;
  const connection = shop.config.connections.get(name);
  if (connection === undefined)
    throw new UnrecoverableError(`no connection is called ${name}; it was there when the run was asked for`);
  const last = await shop.facts.run(name);
  const made = madeBefore(job, last);
  if (made !== null) return { run: made };
  const why = await needless(shop, job, last);
  if (why === null) return runNow(shop, job, connection, last);
  shop.tools.log.info({ connection: name, reason: why }, 'run skipped');
  return { skipped: why };
}
