import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Warehouse } from '../../src/contract/warehouse.ts';
import { duckdb } from '../../src/warehouses/duckdb.ts';
import { scrub } from '../../src/warehouses/duckdb-scrub.ts';
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

/** A connection on which a statement fails before it does anything. */
const failingAt = (connection: DuckDBConnection, statement: string): DuckDBConnection =>
  new Proxy(connection, {
    get: (target, property) =>
      property === 'run'
        ? async (sql: string) => {
            if (sql === statement) throw new Error('IO Error: no space left on device');
            return target.run(sql);
          }
        : Reflect.get(target, property).bind(target),
  });

test('a copy without the deleted rows takes the place of the file only when all of it is out of the log', async () => {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run("set wal_autocheckpoint = '4MB'");
  await connection.run('create table own as select range as n from range(100)');
  await connection.run('checkpoint');
  const before = readFileSync(file);
  await expect(scrub(failingAt(connection, 'checkpoint scrubbed'), file)).rejects.toThrow(/no space left/);
  expect(readFileSync(file)).toEqual(before);
  expect(readdirSync(dirname(file))).toEqual(['warehouse.duckdb']);
  connection.closeSync();
  instance.closeSync();
});
