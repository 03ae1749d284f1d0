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

/** The `count`-th time after `ms` that a schedule is due, in ms, and the interval before it. */
export function nthAfter(
  pattern: Pattern,
  ms: number,
  count: number,
): { readonly at: number; readonly interval: number } {
  const times = at(pattern, ms);
  let [before, due] = [ms, ms];
  for (let i = 0; i < count; i += 1) [before, due] = [due, times.next().getTime()];
  return { at: due, interval: due - before };
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
