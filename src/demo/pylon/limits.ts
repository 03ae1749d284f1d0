import type { Call } from '../../contract/io.ts';
import { Refusal } from './reply.ts';

/** Requests a minute for each endpoint, by its kind of call; 0 = none. */
export type Limits = Readonly<Record<Call, number>>;

/** The numbers of the vendor's document of July 2026, the lower of the two that were published. */
export const JULY_LIMITS: Limits = { list: 60, get: 60, search: 20, write: 20 };

const MINUTE_MS = 60_000;

/** Counts each endpoint's requests in the minute that ends now. Requests that are turned away do not count. */
export function slidingMinute(now: () => number): (endpoint: string, limit: number) => void {
  const served = new Map<string, number[]>();
  return (endpoint, limit) => {
    if (limit === 0) return;
    const at = now();
    const recent = (served.get(endpoint) ?? []).filter((time) => time > at - MINUTE_MS);
    served.set(endpoint, recent);
    const oldest = recent.at(-limit);
    if (oldest === undefined) {
      recent.push(at);
      return;
    }
    throw new Refusal({
      status: 429,
      message: 'Too many requests',
      code: 'rate_limited',
      headers: { 'x-retry-after': String(Math.ceil((oldest + MINUTE_MS - at) / 1000)) },
    });
  };
}
