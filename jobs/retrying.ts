import type { JobsOptions } from 'bullmq';

const BASE_MS = 5000;
const GROWTH = 3;
const CAP_MS = 5 * 60_000;

/** How often a run is tried that fails for a passing reason, parked and interrupted ones not counted. */
export const ATTEMPTS: Pick<JobsOptions, 'attempts' | 'backoff'> = { attempts: 5, backoff: { type: 'custom' } };

/** An alert is sent again until it is taken. */
export const UNTIL_TAKEN: Pick<JobsOptions, 'attempts' | 'backoff'> = {
  attempts: 1_000_000_000,
  backoff: { type: 'custom' },
};

/** A webhook that is back should not have to wait for its news: an alert's waits grow up to this, in ms. */
export const ALERT_CAP_MS = 60_000;

/** How long to wait after the n-th failed attempt, in ms: growing, up to five minutes, half of it by chance. */
export function backoffMs(attempts: number, random: number = Math.random(), cap: number = CAP_MS): number {
  const ceiling = Math.min(cap, BASE_MS * GROWTH ** Math.min(20, attempts - 1));
  return Math.round(ceiling * (0.5 + random / 2));
}
