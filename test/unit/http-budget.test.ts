import { expect, test } from 'vitest';
import { memoryBudget } from '../../src/http/budget.ts';

test('no sliding minute ever holds more requests than the limit', async () => {
  let now = 0;
  const budget = memoryBudget(() => now);
  const sent: number[] = [];
  while (sent.length < 400) {
    const wait = await budget.spend('b', 20);
    if (wait === 0) sent.push(now);
    // Requests come in an uneven rhythm; a wait is always kept to.
    now += wait > 0 ? wait : (sent.length * 7_919) % 4_000;
  }
  const crowded = sent.filter((at, i) => at - (sent[i - 20] ?? Number.NEGATIVE_INFINITY) < 60_000);
  expect(crowded).toEqual([]);
});

test('a burst up to the limit is free, the next request waits until the first has left the minute', async () => {
  let now = 1_000;
  const budget = memoryBudget(() => now);
  expect([await budget.spend('b', 2), await budget.spend('b', 2)]).toEqual([0, 0]);
  now = 11_000;
  expect(await budget.spend('b', 2)).toBe(50_500);
  now += 50_500;
  expect(await budget.spend('b', 2)).toBe(0);
});

test('asking in vain spends nothing', async () => {
  let now = 0;
  const budget = memoryBudget(() => now);
  await budget.spend('b', 1);
  for (let i = 0; i < 5; i++) expect(await budget.spend('b', 1)).toBeGreaterThan(0);
  now = 60_500;
  expect(await budget.spend('b', 1)).toBe(0);
});

test('buckets are apart, and limit 0 is no limit', async () => {
  const budget = memoryBudget(() => 0);
  expect(await budget.spend('a', 1)).toBe(0);
  expect(await budget.spend('b', 1)).toBe(0);
  for (let i = 0; i < 1_000; i++) expect(await budget.spend('c', 0)).toBe(0);
});
