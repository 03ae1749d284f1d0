import type { Call } from '../../contract/io.ts';

/** Requests a minute for each endpoint, by its kind of call; 0 = none. */
export type Limits = Readonly<Record<Call, number>>;

/** No limits at all: what is told of the APIs that publish no numbers. */
export const NO_LIMITS: Limits = { list: 0, get: 0, search: 0, write: 0 };

const MINUTE_MS = 60_000;

/**
 * Counts each endpoint's requests in the minute that ends now. Answers 0 for a request that is within the limit, else
 * the ms until there is room for it; requests that are turned away do not count.
 */
export function slidingMinute(now: () => number): (endpoint: string, limit: number) => number {
  const served = new Map<string, number[]>();
  return (endpoint, limit) => {
    if (limit === 0) return 0;
    const at = now();
    const recent = (served.get(endpoint) ?? []).filter((time) => time > at - MINUTE_MS);
    served.set(endpoint, recent);
    const oldest = recent.at(-limit);
    if (oldest !== undefined) return oldest + MINUTE_MS - at;
    recent.push(at);
    return 0;
  };
}
