import type { Connection } from '../config/types.ts';
import type { Counts, Observer } from '../src/contract/run.ts';
import { RollcallError } from '../src/errors.ts';
import { LOCK_MS, ownerOf } from './locks.ts';
import type { AnyJob } from './queue/backend.ts';
import type { RunData, RunProgress, RunResult } from './requests.ts';
import type { WorkerSurroundings, Workshop } from './workshop.ts';

/** The longest stretch that a worker waits for a server's rate limit by itself, in ms; a longer one parks the job. */
const PATIENCE_MS = 10_000;
/** How often a job's progress is written at most, in ms. */
const PROGRESS_MS = 1000;
/** Waits shorter than this are not worth a line in the log, in ms. */
const WORTH_TELLING_MS = 1500;

/** Another run of the connection is under way. `self`: it is an earlier life of this very job, whose lock runs out. */
export class Occupied extends RollcallError {
  readonly self: boolean;

  constructor(connection: string, self: boolean) {
    super('busy', `another worker is running ${connection}`, { connection, step: 'take the lease' });
    this.name = 'Occupied';
    this.self = self;
  }
}

/** The connection's one lease: between hosts in the queue's store, on this host as a lock of the operating system. */
async function lease(
  shop: Workshop,
  name: string,
  job_id: string,
  lost: AbortController,
): Promise<() => Promise<void>> {
  const found = await shop.locks.tryTake(`lease ${name}`, job_id);
  if ('heldBy' in found) throw new Occupied(name, ownerOf(found.heldBy) === job_id);
  try {
    const unlock = shop.tools.lease(name);
    found.lost.addEventListener('abort', () => lost.abort(), { once: true });
    return async () => {
      unlock();
      await found.release();
    };
  } catch (error) {
    await found.release();
    throw error;
  }
}

/** Writes a job's progress now and then. It is for people who look: a write that fails is made up for by the next. */
function progressOf(job: AnyJob<RunData, RunResult>, now: () => number): (change: Partial<RunProgress>) => void {
  let state: RunProgress = { users: 0, pages: 0, waiting: null };
  let written = Number.NEGATIVE_INFINITY;
  return (change) => {
    state = { ...state, ...change };
    if (now() - written < PROGRESS_MS) return;
    written = now();
    job.updateProgress(state).catch(() => undefined);
  };
}

function observerOf(shop: Workshop, name: string, progress: (change: Partial<RunProgress>) => void): Observer {
  const { log, now } = shop.tools;
  return {
    page: (counts: Readonly<Counts>) => {
      const { pages, seen, requests, rejected, retries, waited_ms } = counts;
      log.info({ connection: name, page: pages, seen, requests, rejected, retries, waited_ms }, 'page');
      progress({ users: seen, pages, waiting: null });
    },
    waiting: (ms, reason) => {
      const facts = { connection: name, ms: Math.round(ms), reason };
      if (ms >= WORTH_TELLING_MS) log.info(facts, 'waiting');
      else log.debug(facts, 'waiting');
      progress({ waiting: { reason, until: new Date(now() + ms).toISOString() } });
    },
    note: (step, facts) => {
      if (step === 'batch applied') shop.metrics.batch(Number(facts.ms));
      log.info(facts, step);
    },
    warn: (message) => log.warn({ connection: name }, message),
  };
}

/** What a job gives its run, and what is told when its lease is lost. */
export interface JobSurroundings extends WorkerSurroundings {
  readonly leaseLost: AbortSignal;
}

/** The surroundings of one job's run. */
export function surroundings(shop: Workshop, connection: Connection, job: AnyJob<RunData, RunResult>): JobSurroundings {
  const { name } = connection;
  const { metrics, tools, budget } = shop;
  const lost = new AbortController();
  const signal = AbortSignal.any([shop.stopping, lost.signal]);
  const progress = progressOf(job, tools.now);
  const observer = observerOf(shop, name, progress);
  return {
    observer,
    signal,
    leaseLost: lost.signal,
    patienceMs: PATIENCE_MS,
    budget: () => ({ budget, close: () => undefined }),
    lease: () => lease(shop, name, job.id ?? '', lost),
    open: (access) =>
      shop.sessions.open(access, signal, (ms, reason) => {
        metrics.waited(name, reason === 'apply' ? reason : 'warehouse', ms);
        if (reason !== 'apply') observer.waiting(ms, reason);
      }),
    answered: (call, _endpoint, status) => metrics.request(name, call, status),
    waited: (ms, reason) => metrics.waited(name, reason, ms),
  };
}

/** How long a job waits for a connection that somebody else runs, in ms. */
export const OCCUPIED_MS = LOCK_MS / 5;
