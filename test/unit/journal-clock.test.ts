import { describe, expect, test } from 'vitest';
import { instantText, nextMicros } from '../../src/journal/clock.ts';
import { loadUsers, manyUsers, openJournal, page, RECIPE, seededRandom, tempFolder } from '../support/journal.ts';

const NOON = Date.parse('2026-11-01T12:00:00Z');

describe('the clock of a ledger', () => {
  test('strictly grows while the system clock stands still, jumps back and jumps ahead', async () => {
    const clock = { ms: NOON };
    const journal = await openJournal(tempFolder(), clock);
    const random = seededRandom(42);
    const times: string[] = [];
    for (let i = 0; i < 500; i += 1) {
      const jump = random();
      if (jump < 0.2) clock.ms -= Math.floor(random() * 3_600_000);
      else if (jump < 0.6) clock.ms += Math.floor(random() * 60_000);
      times.push(journal.now());
    }
    for (const [i, time] of times.entries()) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      if (i > 0) expect(time > (times[i - 1] ?? '')).toBe(true);
    }
  });

  test('follows the system clock when that is ahead', async () => {
    const clock = { ms: NOON };
    const journal = await openJournal(tempFolder(), clock);
    expect(journal.now()).toBe('2026-11-01T12:00:00.000000Z');
    expect(journal.now()).toBe('2026-11-01T12:00:00.000001Z');
    clock.ms += 1500;
    expect(journal.now()).toBe('2026-11-01T12:00:01.500000Z');
  });

  test('is later than every time before a crash although the system clock was set back', async () => {
    const folder = tempFolder();
    const clock = { ms: NOON };
    const before = (await openJournal(folder, clock)).now();
    clock.ms -= 86_400_000;
    expect((await openJournal(folder, clock)).now()).toBe('2026-11-01T12:00:00.000001Z');
    expect(before).toBe('2026-11-01T12:00:00.000000Z');
  });

  test('dates each batch later than the one before it', async () => {
    const clock = { ms: NOON };
    const journal = await openJournal(tempFolder(), clock);
    await loadUsers(journal, manyUsers(1));
    const times: string[] = [];
    for (const content of ['b', 'c', 'd']) {
      clock.ms -= 1000;
      journal.beginScan('sync', RECIPE);
      await page(journal, null, [['u1', content]]);
      const batch = await journal.seal('run-2');
      if (batch !== null) {
        times.push(batch.recorded_at);
        await journal.promote(batch);
      }
      journal.endScan();
    }
    expect(times).toHaveLength(3);
    expect([...new Set(times)].sort()).toEqual(times);
  });
});

test('microseconds are written as RFC 3339 with six digits', () => {
  expect(instantText(0)).toBe('1970-01-01T00:00:00.000000Z');
  expect(instantText(1_793_534_400_000_007)).toBe('2026-11-01T12:00:00.000007Z');
  expect(instantText(1_793_534_400_999_999)).toBe('2026-11-01T12:00:00.999999Z');
});

test('the next time is now, or one microsecond after the last', () => {
  expect(nextMicros(5_000, 6)).toBe(6_000);
  expect(nextMicros(6_000, 6)).toBe(6_001);
  expect(nextMicros(9_000, 6)).toBe(9_001);
});
