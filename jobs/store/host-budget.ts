import type { Budget } from '../../src/contract/budget.ts';
import type { HostBudget } from '../../src/journal/budget-file.ts';

/**
 * The budget of a worker whose queue is on a server: every request is spent from this host's file, which one-off
 * commands use, and from the store that all workers share. Neither ever holds more than the limit.
 */
export function sharedBudget(host: HostBudget, shared: Budget): Budget {
  return {
    spend: async (bucket, limit) => {
      const here = await host.spend(bucket, limit);
      if (here > 0 || limit === 0) return here;
      try {
        const there = await shared.spend(bucket, limit);
        if (there > 0) host.refund(bucket);
        return there;
      } catch (error) {
        host.refund(bucket);
        throw error;
      }
    },
  };
}
