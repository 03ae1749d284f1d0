import type { Budget } from '../contract/budget.ts';

/** A minute and a little: two requests sent a minute apart may reach the server closer together than that. */
export const WINDOW_MS = 60_500;

/**
 * A request budget that lives in this process: a log of the last minute's requests per bucket, so that no sliding
 * minute ever holds more than the limit, and bursts inside it are free. `now` is any clock in ms that never goes back.
 */
export function memoryBudget(now: () => number = () => performance.now()): Budget {
  const logs = new Map<string, number[]>();
  return {
    async spend(bucket, limit) {
      if (limit === 0) return 0;
      const time = now();
      const recent = (logs.get(bucket) ?? []).filter((sent) => sent > time - WINDOW_MS);
      logs.set(bucket, recent);
      // The request that must have left the window before one more fits under the limit.
      const blocking = recent[recent.length - limit];
      if (blocking !== undefined) return Math.max(1, Math.ceil(blocking + WINDOW_MS - time));
      recent.push(time);
      return 0;
    },
  };
}
