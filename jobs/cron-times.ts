import { createHash } from 'node:crypto';
import { CronExpressionParser } from 'cron-parser';

/** When a schedule is due. */
export interface Pattern {
  readonly schedule: string;
  readonly timezone: string;
}

const at = ({ schedule, timezone }: Pattern, ms: number) =>
  CronExpressionParser.parse(schedule, { tz: timezone, currentDate: new Date(ms) });

/** The first time after `ms` that a schedule is due, in ms. */
export const nextAfter = (pattern: Pattern, ms: number): number => at(pattern, ms).next().getTime();

/** The last time, at or before `ms`, that a schedule was due, in ms. */
export const lastUntil = (pattern: Pattern, ms: number): number =>
  at(pattern, ms + 1)
    .prev()
    .getTime();

/**
 * The last time until `now` that a schedule was due and that nobody dealt with, in ms; null where there is none. `at` is
 * the last one that was dealt with. Where the clock is put on or back the parser's way back passes other times than its
 * way on, which is the way that ticks take: it decides.
 */
export function missedSince(pattern: Pattern, at: number, now: number): number | null {
  const next = nextAfter(pattern, at);
  return next > now ? null : Math.max(next, lastUntil(pattern, now));
}

/** Every time after `ms` that a schedule is due, in ms, without an end. */
export function* timesAfter(pattern: Pattern, ms: number): Generator<number, never> {
  const times = at(pattern, ms);
  for (;;) yield times.next().getTime();
}

/** No start waits longer than this for its place in the spread, in ms. */
export const MAX_SPREAD_MS = 60_000;

/**
 * How long after its time a connection starts, in ms: always the same for the same name, and evenly over all names, so
 * that a thousand connections with one schedule do not start in one second.
 */
export function spreadOf(name: string, share: number, intervalMs: number): number {
  const place = createHash('sha256').update(name).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor(place * Math.min(MAX_SPREAD_MS, share * intervalMs));
}
