import type { Config } from '../config/types.ts';
import { fileBudget } from '../src/journal/budget-file.ts';
import { handleAlert } from './alerts.ts';
import { makeFacts } from './facts.ts';
import { startHousekeeping } from './housekeeping.ts';
import { makeLocks } from './locks.ts';
import { makeMetrics } from './metrics.ts';
import type { AnyWorker, Backend } from './queue/backend.ts';
import { openBackend } from './queue/open-backend.ts';
import type { RunData, RunResult, TickData } from './requests.ts';
import { ALERT_CAP_MS, backoffMs } from './retrying.ts';
import { handleRun } from './runs.ts';
import { beginSchedules, handleTick } from './schedules.ts';
import { makeSessions } from './sessions.ts';
import { freshness } from './stale.ts';
import { sharedBudget } from './store/host-budget.ts';
import type { AlertData, Tools, Workshop } from './workshop.ts';

/** How long a queue that does not answer at the start is waited for, in ms. */
const PATIENCE_MS = 8000;
/** What a page, a commit and a goodbye may take after a signal, in ms; what takes longer is abandoned. */
const STOP_MS = 7000;

/** A worker at work. */
export interface RunningWorker {
  readonly shop: Workshop;
  /** True while the queue answers. */
  ready(): Promise<boolean>;
  /** Ends pages, gives jobs back and closes; false when something had to be abandoned. */
  stop(): Promise<boolean>;
}

function makeShop(
  config: Config,
  backend: Backend,
  tools: Tools,
  stopping: AbortSignal,
): { shop: Workshop; close(): void } {
  const facts = makeFacts(backend.store);
  const runs = backend.queue<RunData, RunResult>('runs');
  const host = backend.kind === 'embedded' ? null : fileBudget(config.state.dir);
  const metrics = makeMetrics({
    freshness: () => freshness({ facts, tools, config }),
    jobs: () => runs.getJobCounts(),
  });
  const locks = makeLocks(backend.store);
  const shop: Workshop = {
    config,
    tools,
    backend,
    facts,
    locks,
    sessions: makeSessions({ warehouse: config.warehouse.warehouse, locks, owner: tools.host, open: tools.open }),
    metrics,
    budget: host === null ? backend.store.budget : sharedBudget(host, backend.store.budget),
    ticks: backend.queue<TickData, string>('ticks'),
    runs,
    alerts: backend.queue<AlertData, number>('alerts'),
    stopping,
  };
  return { shop, close: () => host?.close() };
}

interface Watched {
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Trouble with the queue is told once when it begins; what waits goes on when the queue is back. */
function watch(shop: Workshop, watched: readonly Watched[]): void {
  const { log, secrets, now } = shop.tools;
  const told = new Map<string, number>();
  for (const one of watched) {
    one.on('error', (error) => {
      const words = secrets(error.message === '' ? error.name : error.message);
      if (shop.stopping.aborted || now() - (told.get(words) ?? 0) < 60_000) return;
      told.set(words, now());
      log.warn({ queue: shop.backend.place, error: words }, 'trouble with the queue');
    });
  }
}

function makeWorkers(
  shop: Workshop,
): readonly [AnyWorker<TickData, string>, AnyWorker<RunData, RunResult>, AnyWorker<AlertData, number>] {
  const { backend, config, tools } = shop;
  const settings = { backoffStrategy: (attempts: number) => backoffMs(attempts) };
  const ticks = backend.worker<TickData, string>('ticks', {
    process: (job) => handleTick(shop, job),
    options: { concurrency: 8, settings },
  });
  const runs = backend.worker<RunData, RunResult>('runs', {
    process: (job) => handleRun(shop, job),
    options: { concurrency: config.worker.concurrency, settings },
  });
  const alerts = backend.worker<AlertData, number>('alerts', {
    process: (job) => handleAlert(shop, job),
    options: {
      concurrency: 2,
      settings: { backoffStrategy: (attempts) => backoffMs(attempts, Math.random(), ALERT_CAP_MS) },
    },
  });
  alerts.on('failed', (_job, error) => {
    if (!shop.stopping.aborted)
      tools.log.warn({ error: tools.secrets(error.message) }, 'an alert was not taken; it is sent again');
  });
  return [ticks, runs, alerts];
}

/** True when it was done in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes everything that a worker has open; waits for what is under way. */
async function closeAll(shop: Workshop, workers: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.close()));
  await Promise.all([shop.ticks, shop.runs, shop.alerts].map((queue) => queue.close()));
  await shop.backend.store.close();
  await shop.backend.close();
}

/** Opens the queue, brings its schedules up to the configuration and begins to work. */
export async function startWorker(config: Config, tools: Tools): Promise<RunningWorker> {
  const backend = await openBackend(config, {
    ms: PATIENCE_MS,
    warn: (message) => tools.log.warn({}, message),
    fatal: (error) => tools.fatal(error),
  });
  const stopping = new AbortController();
  const { shop, close } = makeShop(config, backend, tools, stopping.signal);
  const workers = makeWorkers(shop);
  watch(shop, [shop.ticks, shop.runs, shop.alerts, ...workers]);
  try {
    await beginSchedules(shop);
  } catch (error) {
    stopping.abort();
    await within(STOP_MS, closeAll(shop, workers));
    close();
    throw error;
  }
  const endChores = startHousekeeping(shop);
  // A loop that ends by itself would leave a worker that does nothing.
  const running = workers.map((worker) => worker.run().catch((error: Error) => tools.fatal(error)));
  const end = async (): Promise<void> => {
    await Promise.all([endChores(), ...workers.map((worker) => worker.close())]);
    await Promise.all(running);
    close();
    await closeAll(shop, workers);
  };
  return {
    shop,
    ready: () => within(2000, backend.store.ping()).catch(() => false),
    stop: async () => {
      stopping.abort();
      return within(STOP_MS, end());
    },
  };
}
