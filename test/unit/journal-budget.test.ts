import { renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fileBudget } from '../../src/journal/budget-file.ts';
import { seededRandom, tempFolder } from '../support/journal.ts';

const MINUTE = 60_000;

const budgets: { close(): void }[] = [];

afterEach(() => {
  for (const budget of budgets.splice(0)) budget.close();
});

function budgetIn(folder: string, clock: { ms: number }) {
  const budget = fileBudget(folder, () => clock.ms);
  budgets.push(budget);
  return budget;
}

/** Most requests of any minute that begins with one of them. */
function densest(times: readonly number[]): number {
  return Math.max(0, ...times.map((start) => times.filter((at) => at >= start && at < start + MINUTE).length));
}

describe('a budget in the state folder', () => {
  test('allows a burst up to the limit and then says how long to wait', async () => {
    const clock = { ms: 1_000_000 };
    const budget = budgetIn(tempFolder(), clock);
    for (let i = 0; i < 3; i += 1) {
      expect(await budget.spend('GET /users', 3)).toBe(0);
      clock.ms += 1000;
    }
    const wait = await budget.spend('GET /users', 3);
    expect(wait).toBeGreaterThanOrEqual(MINUTE - 3000);
    clock.ms += wait - 1;
    expect(await budget.spend('GET /users', 3)).toBeGreaterThan(0);
    clock.ms += 1;
    expect(await budget.spend('GET /users', 3)).toBe(0);
  });

  test('spends nothing while it says to wait', async () => {
    const clock = { ms: 0 };
    const budget = budgetIn(tempFolder(), clock);
    expect(await budget.spend('b', 1)).toBe(0);
    const wait = await budget.spend('b', 1);
    for (let i = 0; i < 50; i += 1) expect(await budget.spend('b', 1)).toBe(wait);
    clock.ms += wait;
    expect(await budget.spend('b', 1)).toBe(0);
  });

  test('does not limit where the limit is 0', async () => {
    const budget = budgetIn(tempFolder(), { ms: 0 });
    for (let i = 0; i < 1000; i += 1) expect(await budget.spend('b', 0)).toBe(0);
  });

  test('counts each bucket for itself', async () => {
    const budget = budgetIn(tempFolder(), { ms: 0 });
    expect(await budget.spend('a', 1)).toBe(0);
    expect(await budget.spend('b', 1)).toBe(0);
    expect(await budget.spend('a', 1)).toBeGreaterThan(0);
  });

  test('remembers the minute when it is opened again', async () => {
    const folder = tempFolder();
    const clock = { ms: 5_000 };
    const first = budgetIn(folder, clock);
    expect(await first.spend('b', 1)).toBe(0);
    first.close();
    clock.ms += 1000;
    expect(await budgetIn(folder, clock).spend('b', 1)).toBeGreaterThanOrEqual(MINUTE - 1000);
  });

  test('is not blocked for ever by times that lie ahead of a clock that was set back', async () => {
    const clock = { ms: 10_000_000 };
    const budget = budgetIn(tempFolder(), clock);
    expect(await budget.spend('b', 1)).toBe(0);
    clock.ms = 1_000_000;
    const wait = await budget.spend('b', 1);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(MINUTE + 1000);
    clock.ms += wait;
    expect(await budget.spend('b', 1)).toBe(0);
  });

  test('gives no more than the limit in a minute in which the clock is set back, again and again', async () => {
    const clock = { ms: 10_000_000 };
    const budget = budgetIn(tempFolder(), clock);
    let given = 0;
    for (let i = 0; i < 20; i += 1) {
      if ((await budget.spend('b', 3)) === 0) given += 1;
      clock.ms -= 1000;
    }
    expect(given).toBe(3);
  });

  test('heeds a limit that was lowered', async () => {
    const clock = { ms: 0 };
    const budget = budgetIn(tempFolder(), clock);
    const sent: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      expect(await budget.spend('b', 10)).toBe(0);
      sent.push(clock.ms);
      clock.ms += 1000;
    }
    const wait = await budget.spend('b', 2);
    clock.ms += wait;
    expect(await budget.spend('b', 2)).toBe(0);
    const after = clock.ms;
    expect(sent.filter((at) => at > after - MINUTE).length).toBeLessThan(2);
  });

  test.each([1, 2, 3, 4])(
    'never allows more than the limit in any sliding minute, over two instances (seed %i)',
    async (seed) => {
      const folder = tempFolder();
      const clock = { ms: 1_700_000_000_000 };
      const instances = [budgetIn(folder, clock), budgetIn(folder, clock)];
      const random = seededRandom(seed);
      const sent: number[] = [];
      for (let i = 0; i < 600; i += 1) {
        const wait = await instances[random() < 0.5 ? 0 : 1]?.spend('b', 7);
        if (wait === 0) sent.push(clock.ms);
        // Sometimes as long as it was told to wait, sometimes too early, sometimes at once.
        const [kind, share] = [random(), random()];
        clock.ms += kind < 0.3 ? (wait ?? 0) : kind < 0.6 ? Math.floor((wait ?? 0) * share) : Math.floor(share * 4000);
      }
      expect(densest(sent)).toBe(7);
    },
  );
});

describe('a budget whose file is damaged', () => {
  const damages: readonly [how: string, damage: (file: string) => void][] = [
    ['is garbage', (file) => writeFileSync(file, 'garbage'.repeat(2000))],
    ['was cut short', (file) => truncateSync(file, 5000)],
  ];

  async function damagedFolder(damage: (file: string) => void, at: number): Promise<string> {
    const folder = tempFolder();
    const budget = fileBudget(folder);
    await budget.spend('b', 5);
    budget.close();
    damage(join(folder, 'budgets.sqlite'));
    utimesSync(join(folder, 'budgets.sqlite'), at / 1000, at / 1000);
    return folder;
  }

  test.each(damages)('because it %s is made anew, and the minute before counts as spent', async (_, damage) => {
    const clock = { ms: Date.now() };
    const folder = await damagedFolder(damage, clock.ms - 20_000);
    const [budget, other] = [budgetIn(folder, clock), budgetIn(folder, clock)];
    const wait = await budget.spend('b', 5);
    expect(wait).toBeGreaterThanOrEqual(40_000);
    expect(wait).toBeLessThanOrEqual(41_500);
    expect(await other.spend('another', 5)).toBeGreaterThan(0);
    clock.ms += wait;
    expect(await other.spend('b', 1)).toBe(0);
    expect(await budget.spend('b', 1)).toBeGreaterThan(0);
  });

  test.each(damages)('because it %s holds nobody up where nothing was sent for a minute', async (_, damage) => {
    const clock = { ms: Date.now() };
    const folder = await damagedFolder(damage, clock.ms - 61_000);
    expect(await budgetIn(folder, clock).spend('b', 5)).toBe(0);
  });

  test('while it is in use is made anew, and whoever shares it goes over to the new one', async () => {
    const clock = { ms: Date.now() };
    const folder = tempFolder();
    const [one, other] = [budgetIn(folder, clock), budgetIn(folder, clock)];
    expect(await one.spend('b', 2)).toBe(0);
    expect(await other.spend('b', 2)).toBe(0);
    const [file, garbage] = [join(folder, 'budgets.sqlite'), join(folder, 'garbage')];
    for (const tail of ['-wal', '-shm']) rmSync(file + tail);
    writeFileSync(garbage, 'garbage'.repeat(3000));
    renameSync(garbage, file);
    const third = budgetIn(folder, clock);
    for (const budget of [third, one, other]) expect(await budget.spend('b', 2)).toBeGreaterThan(59_000);
    clock.ms += MINUTE + 2000;
    const spent = await Promise.all([third, one, other].map((budget) => budget.spend('b', 2)));
    expect(spent.filter((wait) => wait === 0)).toHaveLength(2);
  });
});
