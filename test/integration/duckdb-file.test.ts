import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { beforeEach, expect, test } from 'vitest';
import type { Warehouse } from '../../src/contract/warehouse.ts';
import { duckdb } from '../../src/warehouses/duckdb.ts';
import { scrub } from '../../src/warehouses/duckdb-scrub.ts';
import { openDesk, placeOf, upsert } from '../support/warehouses.ts';

const warehouse = duckdb as Warehouse;

let file: string;
beforeEach(async () => {
  const { folder } = await placeOf(warehouse);
  file = join(folder, 'warehouse.duckdb');
});

test('what is committed stands in the file itself, so that a kill leaves nothing beside it', async () => {
  const desk = await openDesk(warehouse, { path: file });
  const beside = (): string[] => readdirSync(dirname(file)).filter((name) => name.includes('.wal'));
  await desk.prepare();
  expect(beside(), 'after tables were made').toEqual([]);
  await desk.claim('e1');
  expect(beside(), 'after a claim').toEqual([]);
  await desk.apply([upsert('u1', { name: 'Ada' })]);
  expect(beside(), 'after a batch').toEqual([]);
  await desk.session().run([{ sql: "delete from users where user_id = 'u1'", params: [] }]);
  expect(beside(), 'after a deletion').toEqual([]);
  const left = join(dirname(file), 'left.duckdb');
  copyFileSync(file, left);
  const next = await openDesk(warehouse, { path: left });
  expect(await next.rows('user_changes', 'user_id')).toMatchObject([{ user_id: 'u1', op: 'insert' }]);
  expect(await next.rows('users', 'user_id')).toEqual([]);
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
  await connection.run('create table own as select range as n from range(100)');
  await connection.run('checkpoint');
  const before = readFileSync(file);
  await expect(scrub(failingAt(connection, 'checkpoint scrubbed'), file)).rejects.toThrow(/no space left/);
  expect(readFileSync(file)).toEqual(before);
  expect(readdirSync(dirname(file))).toEqual(['warehouse.duckdb']);
  connection.closeSync();
  instance.closeSync();
});
