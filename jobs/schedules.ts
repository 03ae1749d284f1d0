import { createHash, randomUUID } from 'node:crypto';
import type { JobsOptions } from 'bullmq';
import type { Connection } from '../config/types.ts';
import { unhurried } from './breathe.ts';
import { missedSince, nextAfter, type Pattern, spreadOf } from './cron-times.ts';
import type { TickFact } from './facts.ts';
import type { AnyJob } from './queue/backend.ts';
import type { RunData, TickData } from './requests.ts';
import { ATTEMPTS } from './retrying.ts';
import type { Workshop } from './workshop.ts';

/** A tick that is so much overdue was missed: nobody was there to hear it, in ms. */
const OVERDUE_MS = 10_000;

/** An id of its own for each run's job: a queue that was emptied counts from one again, and facts outlive it. */
export const newJobId = (): string => randomUUID();

/** What people ask for goes before what is due. */
export const PRIORITY = { enqueue: 1, schedule: 2 } as const;

/** A tick is made again after a failure: with it the schedule's next one would be lost. */
const TICK: JobsOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 100,
  backoff: { type: 'fixed', delay: 1000 },
};

/** A connection with a schedule. */
type Scheduled = Connection & Pattern;

/** The connections of a configuration that have a schedule. */
export function scheduled({ config }: Pick<Workshop, 'config'>): Scheduled[] {
  return [...config.connections.values()].flatMap(({ schedule, ...rest }) =>
    schedule === undefined ? [] : [{ ...rest, schedule }],
  );
}

const text = (ms: number): string => new Date(ms).toISOString();

/**
 * Hands over the run that is due. Deduplicated by connection: while a scheduled run of it waits, runs, is parked or backs
 * off, the tick comes to nothing.
 */
async function startRun(shop: Workshop, connection: Scheduled, due: number): Promise<void> {
  const { name, schedule, timezone } = connection;
  const { facts, runs, config } = shop;
  const delay = spreadOf(name, config.worker.spread, nextAfter(connection, due) - due);
  const data: RunData = {
    connection: name,
    kind: 'sync',
    trigger: 'schedule',
    scheduled_at: text(due),
    allow_deletes: false,
  };
  await runs.add('sync', data, {
    delay: Math.max(0, due + delay - shop.tools.now()),
    jobId: newJobId(),
    priority: PRIORITY.schedule,
    deduplication: { id: name },
    ...ATTEMPTS,
  });
  const known = await facts.tick(name);
  const since = known?.schedule === schedule && known.timezone === timezone ? known.since : text(due);
  await facts.setTick(name, { schedule, timezone, since, at: text(due) });
}

/** A schedule is due: starts its run unless it is paused. The job says when it was due, however late it comes. */
export async function handleTick(shop: Workshop, job: AnyJob<TickData, string>): Promise<string> {
  const { connection: name } = job.data;
  const connection = scheduled(shop).find((one) => one.name === name);
  if (connection === undefined) return 'no schedule';
  const due = job.opts.prevMillis ?? job.timestamp + job.delay;
  if (await shop.facts.paused(name)) {
    const { schedule, timezone } = connection;
    await shop.facts.setTick(name, { schedule, timezone, since: text(due), at: text(due) });
    return 'paused';
  }
  await startRun(shop, connection, due);
  return 'started';
}

/** One run for all the times that were missed, where the schedule was kept before and is the same. */
async function catchUp(shop: Workshop, connection: Scheduled, known: TickFact | null): Promise<void> {
  const { name, schedule, timezone } = connection;
  const { facts, tools } = shop;
  const now = tools.now();
  if (known === null || known.schedule !== schedule || known.timezone !== timezone) {
    await facts.setTick(name, { schedule, timezone, since: text(now), at: text(now) });
    return;
  }
  const missed = missedSince(connection, Date.parse(known.at), now);
  if (missed === null) return;
  if (await facts.paused(name)) return;
  tools.log.info(
    { connection: name, scheduled_at: text(missed) },
    'missed while no worker ran: one run makes up for it',
  );
  await startRun(shop, connection, missed);
}

/** Names what a configuration wants of the schedules, the same for all workers that have it. */
function wantedBy(shop: Workshop): string {
  const lines = scheduled(shop).map(({ name, schedule, timezone }) => `${name} ${schedule} ${timezone}`);
  return createHash('sha256').update(lines.toSorted().join('\n')).digest('hex');
}

/** At the start of a worker: from now on its configuration decides, and not that of workers who were there before. */
export async function beginSchedules(shop: Workshop): Promise<void> {
  await shop.facts.setKept(wantedBy(shop));
  await keepSchedules(shop);
}

/**
 * Makes the queue's schedulers equal to the configuration: added, changed and removed ones, and those whose next tick was
 * lost. Done at the start and now and then: a store that was emptied gets them back. A worker that is still there with
 * an older configuration leaves them alone.
 */
export async function keepSchedules(shop: Workshop): Promise<void> {
  if (((await shop.facts.kept()) ?? wantedBy(shop)) !== wantedBy(shop)) return;
  const { ticks, tools, facts } = shop;
  const wanted = new Map(scheduled(shop).map((connection) => [connection.name, connection]));
  const last = await facts.allTicks();
  const found = new Map((await ticks.getJobSchedulers()).map((scheduler) => [scheduler.key, scheduler]));
  for (const name of found.keys()) {
    if (wanted.has(name)) continue;
    await ticks.removeJobScheduler(name);
    await facts.setTick(name, null);
    tools.log.info({ connection: name }, 'schedule removed');
  }
  for await (const connection of unhurried(wanted.values())) {
    const { name, schedule, timezone } = connection;
    const known = found.get(name);
    const same = known?.pattern === schedule && known.tz === timezone;
    const overdue = tools.now() - OVERDUE_MS;
    const tick = last.get(name) ?? null;
    if (same && (known.next ?? 0) > overdue) {
      // Its next time is still to come, but the one before may have passed unheard.
      const unheard = tick === null || missedSince(connection, Date.parse(tick.at), overdue) !== null;
      if (unheard) await catchUp(shop, connection, tick);
      continue;
    }
    await catchUp(shop, connection, tick);
    await ticks.upsertJobScheduler(
      name,
      { pattern: schedule, tz: timezone },
      { name: 'tick', data: { connection: name }, opts: TICK },
    );
    const what = known === undefined ? 'schedule added' : same ? 'schedule set going again' : 'schedule changed';
    tools.log.info({ connection: name, schedule, timezone }, what);
  }
}
