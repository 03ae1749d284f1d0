import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Run, Usage } from '../src/contract/run.ts';

/** What a worker counts for Prometheus. */
export interface Metrics {
  readonly registry: Registry;
  ran(run: Run): void;
  request(connection: string, call: string, status: number | 'error'): void;
  waited(connection: string, reason: string, ms: number): void;
  batch(ms: number): void;
}

/** What is read when somebody asks. */
export interface Sampled {
  /** Seconds since the last `ok` run, by connection. */
  freshness(): Promise<ReadonlyMap<string, number>>;
  /** Jobs of the queue `runs` by state. */
  jobs(): Promise<Readonly<Record<string, number>>>;
}

const CHANGES = ['seen', 'inserted', 'updated', 'unchanged', 'deleted', 'restored', 'rejected'] as const;

/** Longest that a page of metrics waits for the store, in ms: without it the rest is served. */
const SAMPLE_MS = 2000;

async function sampled<T>(ask: () => Promise<T>): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), SAMPLE_MS);
  try {
    // While the store is away there is nothing to tell; /readyz says that it is.
    return await Promise.race([ask().catch(() => null), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function sampledGauges(registry: Registry, sample: Sampled): void {
  new Gauge({
    name: 'rollcall_freshness_seconds',
    help: 'Seconds since the end of the last ok run',
    labelNames: ['connection'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const [connection, seconds] of (await sampled(sample.freshness)) ?? []) this.set({ connection }, seconds);
    },
  });
  new Gauge({
    name: 'rollcall_queue_jobs',
    help: 'Runs in the queue',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const [state, count] of Object.entries((await sampled(sample.jobs)) ?? {})) this.set({ state }, count);
    },
  });
}

/** What a warehouse that bills says it did. */
function usageCounters(registry: Registry): (connection: string, usage: Usage) => void {
  const counter = (name: string, help: string): Counter<'connection'> =>
    new Counter({ name, help, labelNames: ['connection'], registers: [registry] });
  const bytes = counter('rollcall_warehouse_billed_bytes_total', 'Bytes that the warehouse charges for');
  const slots = counter('rollcall_warehouse_slot_seconds_total', 'Slot time in seconds');
  const jobs = counter('rollcall_warehouse_jobs_total', 'Jobs or queries that the warehouse ran');
  return (connection, usage) => {
    bytes.inc({ connection }, usage.bytes_billed);
    slots.inc({ connection }, usage.slot_ms / 1000);
    jobs.inc({ connection }, usage.jobs.length);
  };
}

/** The counters of one worker. */
export function makeMetrics(sample: Sampled): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const runs = new Counter({
    name: 'rollcall_runs_total',
    help: 'Runs that ended',
    labelNames: ['connection', 'kind', 'outcome'],
    registers,
  });
  const users = new Counter({
    name: 'rollcall_users_total',
    help: 'Users that runs dealt with',
    labelNames: ['connection', 'change'],
    registers,
  });
  const requests = new Counter({
    name: 'rollcall_requests_total',
    help: 'Requests sent to sources',
    labelNames: ['connection', 'call', 'status'],
    registers,
  });
  const waits = new Counter({
    name: 'rollcall_wait_seconds_total',
    help: 'Seconds that runs waited',
    labelNames: ['connection', 'reason'],
    registers,
  });
  const batches = new Histogram({
    name: 'rollcall_batch_seconds',
    help: 'Seconds that a batch took to apply',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const used = usageCounters(registry);
  sampledGauges(registry, sample);
  return {
    registry,
    ran: ({ connection, kind, outcome, counts, usage }) => {
      if (usage !== null) used(connection, usage);
      runs.inc({ connection, kind, outcome: outcome ?? 'failed' });
      for (const change of CHANGES) if (counts[change] > 0) users.inc({ connection, change }, counts[change]);
    },
    request: (connection, call, status) => requests.inc({ connection, call, status }),
    waited: (connection, reason, ms) => waits.inc({ connection, reason }, ms / 1000),
    batch: (ms) => batches.observe(ms / 1000),
  };
}
