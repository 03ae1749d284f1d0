import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { billed, costTable, readsOf } from '../../scripts/bigquery-costs.ts';

test('the costs in docs/warehouses/bigquery.md are those that scripts/bigquery-costs.ts prints', () => {
  const text = readFileSync(new URL('../../docs/warehouses/bigquery.md', import.meta.url), 'utf8');
  for (const line of costTable()) expect(text).toContain(line);
});

test('a run of few users is charged the least for each table that its statements name', () => {
  expect(readsOf(1000, 10)).toHaveLength(8);
  expect(billed(readsOf(1000, 10))).toBe(80 * 1024 * 1024);
});

test('the connection’s rows are read twice for each batch', () => {
  const whole = readsOf(10_000_000, 600_000).filter(([what]) => /users$/.test(what) && !what.startsWith('books'));
  expect(whole).toHaveLength(2 * 3);
  for (const [, bytes] of whole) expect(bytes).toBe(10_000_000 * 800);
});
