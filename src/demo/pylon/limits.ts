import { type Limits, slidingMinute } from '../local/limits.ts';
import { Refusal } from './reply.ts';

/** The numbers of the vendor's document of July 2026, the lower of the two that were published. */
export const JULY_LIMITS: Limits = { list: 60, get: 60, search: 20, write: 20 };

/** Throws the 429 for a request that is over its endpoint's limit. */
export function makeSpending(now: () => number): (endpoint: string, limit: number) => void {
  const spend = slidingMinute(now);
  return (endpoint, limit) => {
    const wait = spend(endpoint, limit);
    if (wait === 0) return;
    const headers = { 'x-retry-after': String(Math.ceil(wait / 1000)) };
    throw new Refusal({ status: 429, message: 'Too many requests', code: 'rate_limited', headers });
  };
}
