import { describe, expect, test } from 'vitest';
import { lastUntil, MAX_SPREAD_MS, missedSince, nextAfter, spreadOf, timesAfter } from '../../jobs/cron-times.ts';
import { cutoff } from '../../jobs/periods.ts';
import { ALERT_CAP_MS, backoffMs } from '../../jobs/retrying.ts';
import { sharedBudget } from '../../jobs/store/host-budget.ts';
import { memoryBudget } from '../../src/http/budget.ts';

const at = (text: string): number => Date.parse(text);
const QUARTERS = { schedule: '*/15 * * * *', timezone: 'UTC' };

describe('times of a schedule', () => {
  test('the next is after a time, the last at it or before', () => {
    expect(nextAfter(QUARTERS, at('2026-11-21T10:15:00Z'))).toBe(at('2026-11-21T10:30:00Z'));
    expect(lastUntil(QUARTERS, at('2026-11-21T10:15:00Z'))).toBe(at('2026-11-21T10:15:00Z'));
    expect(lastUntil(QUARTERS, at('2026-11-21T10:14:59Z'))).toBe(at('2026-11-21T10:00:00Z'));
    const times = timesAfter(QUARTERS, at('2026-11-21T10:01:00Z'));
    expect([times.next().value, times.next().value]).toEqual([at('2026-11-21T10:15:00Z'), at('2026-11-21T10:30:00Z')]);
  });

  test('are of their time zone, and a night without 02:30 has it at 03:30', () => {
    const nightly = { schedule: '30 2 * * *', timezone: 'Europe/Berlin' };
    expect(nextAfter(nightly, at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-29T01:30:00Z'));
    expect(nextAfter(nightly, at('2026-07-01T12:00:00Z'))).toBe(at('2026-07-02T00:30:00Z'));
  });

  test('none is missed after the one that was dealt with, until the next', () => {
    const since = (now: string): number | null => missedSince(QUARTERS, at('2026-11-21T10:15:00Z'), at(now));
    expect(since('2026-11-21T10:29:59Z')).toBeNull();
    expect(since('2026-11-21T10:30:00Z')).toBe(at('2026-11-21T10:30:00Z'));
    expect(since('2026-11-21T12:10:00Z')).toBe(at('2026-11-21T12:00:00Z'));
    expect(since('2026-11-21T09:00:00Z')).toBeNull();
  });

  test.each([
    ['Europe/Berlin', '2026-03-28T00:00:00Z'],
    ['Europe/Berlin', '2026-10-24T00:00:00Z'],
    ['America/New_York', '2026-03-07T00:00:00Z'],
    ['America/New_York', '2026-10-31T00:00:00Z'],
  ])('one that was dealt with is not missed when the clock is put on or back (%s, after %s)', (timezone, begin) => {
    for (const schedule of ['30 2 * * *', '*/20 1-3 * * *', '0 * * * *', '45 1 * * 0']) {
      const pattern = { schedule, timezone };
      let due = nextAfter(pattern, at(begin));
      while (due < at(begin) + 2 * 86_400_000) {
        const next = nextAfter(pattern, due);
        expect(missedSince(pattern, due, next - 1)).toBeNull();
        expect(missedSince(pattern, due, next)).toBe(next);
        due = next;
      }
    }
  });
});

describe('the spread', () => {
  test('has a place for each name, always the same, all over its width', () => {
    const places = Array.from({ length: 1000 }, (_, i) => spreadOf(`connection_${i}`, 0.1, 900_000));
    expect(places).toEqual(Array.from({ length: 1000 }, (_, i) => spreadOf(`connection_${i}`, 0.1, 900_000)));
    for (const place of places) expect(place).toBeLessThan(MAX_SPREAD_MS);
    const seconds = new Map<number, number>();
    for (const place of places) seconds.set(Math.floor(place / 1000), (seconds.get(Math.floor(place / 1000)) ?? 0) + 1);
    expect(seconds.size).toBe(60);
    expect(Math.max(...seconds.values())).toBeLessThan(40);
  });

  test('is never wider than its share of the interval or a minute, and nothing at 0', () => {
    expect(spreadOf('support', 0, 900_000)).toBe(0);
    for (let i = 0; i < 100; i += 1) {
      expect(spreadOf(`c${i}`, 0.1, 1000)).toBeLessThan(100);
      expect(spreadOf(`c${i}`, 1, 86_400_000)).toBeLessThan(60_000);
    }
  });
});

describe('backing off', () => {
  test('grows up to five minutes, or a minute for alerts, half of it by chance', () => {
    expect([1, 2, 3, 4, 5, 50].map((n) => backoffMs(n, 1))).toEqual([5000, 15_000, 45_000, 135_000, 300_000, 300_000]);
    expect(backoffMs(1, 0)).toBe(2500);
    expect([1, 3, 4, 50].map((n) => backoffMs(n, 1, ALERT_CAP_MS))).toEqual([5000, 45_000, 60_000, 60_000]);
  });
});

describe('periods', () => {
  test('are counted back from now, and forever is none', () => {
    expect(cutoff('90d', 100 * 86_400_000)).toBe(10 * 86_400_000);
    expect(cutoff('12h', 86_400_000)).toBe(43_200_000);
    expect(cutoff('forever', 1)).toBeNull();
  });
});

describe('a budget of this host and of all workers', () => {
  const host = (limitAtHost: number) => {
    const spent: string[] = [];
    return {
      spent,
      spend: async (bucket: string) => {
        if (spent.length >= limitAtHost) return 700;
        spent.push(bucket);
        return 0;
      },
      refund: () => void spent.pop(),
      close: () => undefined,
    };
  };

  test('gives what both have, and takes nothing from one that the other refuses', async () => {
    const here = host(2);
    const shared = memoryBudget(() => 0);
    const budget = sharedBudget(here, shared);
    expect(await budget.spend('b', 1)).toBe(0);
    expect(await budget.spend('b', 1)).toBe(60_500);
    expect(here.spent).toHaveLength(1);
    expect(await budget.spend('b', 9)).toBe(0);
    expect(await budget.spend('b', 9)).toBe(700);
    expect(await shared.spend('b', 3)).toBe(0);
  });

  test('gives the host its request back when the store fails', async () => {
    const here = host(2);
    const budget = sharedBudget(here, { spend: () => Promise.reject(new Error('away')) });
    await expect(budget.spend('b', 9)).rejects.toThrow('away');
    expect(here.spent).toEqual([]);
  });
});
