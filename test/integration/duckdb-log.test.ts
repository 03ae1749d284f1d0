import { chmodSync, copyFileSync, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Warehouse } from '../../src/contract/warehouse.ts';
import { duckdb } from '../../src/warehouses/duckdb.ts';
import { openDesk, placeOf, upsert } from '../support/warehouses.ts';

const warehouse = duckdb as Warehouse;

/** Where DuckDB keeps what is committed and not yet in its place, beside the file. */
const logOf = (file: string): string => `${file}.wal`;

const mask = process.umask();
afterEach(() => {
  process.umask(mask);
});

let file: string;
beforeEach(async () => {
  const { folder } = await placeOf(warehouse);
  file = join(folder, 'warehouse.duckdb');
});

test('a killed process leaves its last batch in the log, and whoever opens the file next sees it', async () => {
  const desk = await openDesk(warehouse, { path: file });
  await desk.prepare();
  await desk.claim('e1');
  await desk.apply([upsert('u1', { name: 'Ada' })]);
  const left = join(dirname(file), 'left.duckdb');
  // What is on the disk at this moment is what a kill would leave.
  copyFileSync(file, left);
  expect(statSync(logOf(file)).size).toBeGreaterThan(0);
  copyFileSync(logOf(file), logOf(left));
  const place = await placeOf(warehouse, { path: left });
  const reading = await place.read();
  const rows = await Array.fromAsync(reading?.read({ sql: 'select user_id, name from users', params: [] }) ?? []);
  await reading?.close();
  expect(rows).toEqual([{ user_id: 'u1', name: 'Ada' }]);
  expect(statSync(logOf(left)).size).toBeGreaterThan(0);
  const next = await openDesk(warehouse, { path: left });
  await next.apply([upsert('u2', { name: 'Grace' })], { seq: 2 });
  await next.reopen();
  expect(existsSync(logOf(left))).toBe(false);
  expect(await next.rows('users', 'user_id')).toMatchObject([{ user_id: 'u1' }, { user_id: 'u2' }]);
});

test('the log is readable for nobody who may not read the file', async () => {
  const desk = await openDesk(warehouse, { path: file });
  await desk.prepare();
  chmodSync(file, 0o640);
  await desk.reopen();
  await desk.claim('e1');
  expect(statSync(logOf(file)).mode & 0o777).toBe(0o640);
  chmodSync(file, 0o600);
  await desk.reopen();
  await desk.apply([upsert('u1', { name: 'Ada' })]);
  expect(statSync(logOf(file)).mode & 0o777).toBe(0o600);
});
