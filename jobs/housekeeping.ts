import { CronJob } from 'cron';
import { sendForgotten } from './alerts.ts';
import { tidy } from './retention.ts';
import { keepSchedules } from './schedules.ts';
import { checkFreshness } from './stale.ts';
import type { Workshop } from './workshop.ts';

/** What a process does for itself, and when (cron, seconds first; UTC). */
const CHORES = [
  { name: 'freshness', at: '*/5 * * * * *', work: checkFreshness },
  { name: 'alerts', at: '15,45 * * * * *', work: sendForgotten },
  { name: 'schedules', at: '*/30 * * * * *', work: keepSchedules },
  { name: 'retention', at: '0 17 * * * *', work: tidy },
] as const;

/** Starts the chores; the result ends them and waits for those under way. */
export function startHousekeeping(shop: Workshop): () => Promise<void> {
  const { log } = shop.tools;
  const underWay = new Map<string, Promise<void>>();
  const once = async (name: string, work: (shop: Workshop) => Promise<void>): Promise<void> => {
    try {
      await work(shop);
    } catch (error) {
      if (shop.stopping.aborted) return;
      const words = error instanceof Error ? error.message : String(error);
      log.error(
        { chore: name, error: shop.tools.secrets(words) },
        'housekeeping failed; it is tried again at its next time',
      );
    }
  };
  const jobs = CHORES.map(({ name, at, work }) =>
    CronJob.from({
      cronTime: at,
      timeZone: 'UTC',
      start: true,
      onTick: () => {
        // One that takes longer than its interval is not begun twice.
        if (underWay.has(name)) return;
        underWay.set(
          name,
          once(name, work).finally(() => underWay.delete(name)),
        );
      },
    }),
  );
  return async () => {
    for (const job of jobs) void job.stop();
    await Promise.all(underWay.values());
  };
}
