import { tmpdir } from 'node:os';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll } from 'vitest';
import type { Access, Row } from '../../src/contract/warehouse.ts';
import { rowsOf } from '../../src/warehouses/duckdb-rows.ts';
import { snowflake } from '../../src/warehouses/snowflake.ts';
import { refresh } from '../peers/snowflake/catalog.ts';
import { startPeer } from '../peers/snowflake/peer.ts';
import type { Peer } from '../peers/snowflake/state.ts';
import type { Home } from './homes.ts';
import { LOADER, optionsTo } from './snowflake.ts';

let shared: Promise<Peer> | undefined;
let homes = 0;

afterAll(async () => {
  await (await shared)?.stop();
  shared = undefined;
});

const context = { scratch: tmpdir(), signal: new AbortController().signal, waiting: () => undefined };

/** A schema of its own in an account that the tests of a file share. */
export async function snowflakeSchema(): Promise<Home> {
  shared ??= startPeer({ users: [LOADER] });
  const peer = await shared;
  homes += 1;
  const schema = `HOME_${homes}`;
  const database = peer.account.home.database;
  const options = snowflake.options.parse({ ...optionsTo(peer.url), schema, password: LOADER.password });
  const within = async <T>(work: (c: DuckDBConnection) => Promise<T>): Promise<T> => {
    const connection = await peer.account.connect();
    try {
      if (await exists(connection)) await connection.run(`USE "${database}"."${schema}"`);
      return await work(connection);
    } finally {
      connection.closeSync();
      await refresh(peer.account);
    }
  };
  const tables = async (c: DuckDBConnection): Promise<string[]> => {
    const found = await c.runAndReadAll(`SELECT table_name FROM duckdb_tables() WHERE schema_name = '${schema}'`);
    return found.getRows().map(([name]) => String(name));
  };
  const exists = async (c: DuckDBConnection): Promise<boolean> => (await tables(c)).length > 0;
  const each = async (c: DuckDBConnection, write: (table: string) => string): Promise<void> => {
    for (const table of await tables(c)) await c.run(write(table));
  };
  const kept = `"${database}"."KEPT_${schema}"`;
  return {
    warehouse: { ...snowflake, dialect: snowflake.dialect(options) },
    file: null,
    tellsApart: false,
    seesState: false,
    open: (access: Access) => snowflake.open(options, access, context),
    queries: (...sqls) =>
      within(async (c) => {
        const found: Row[][] = [];
        for (const sql of sqls) found.push(await Array.fromAsync(rowsOf(await c.stream(sql))));
        return found;
      }),
    tamper: (...statements) =>
      within(async (c) => {
        for (const sql of statements) await c.run(sql);
      }),
    exists: () => within(exists),
    lose: () =>
      within(async (c) => {
        await c.run('USE memory');
        await c.run(`DROP SCHEMA IF EXISTS "${database}"."${schema}" CASCADE`);
      }),
    backup: () =>
      within(async (c) => {
        await c.run(`CREATE OR REPLACE SCHEMA ${kept}`);
        await each(c, (table) => `CREATE TABLE ${kept}."${table}" AS FROM "${table}"`);
        // As a restored table is in the service: made again, with the rows that it had.
        return () =>
          within(async (again) => {
            await each(again, (table) => `CREATE OR REPLACE TABLE "${table}" AS FROM ${kept}."${table}"`);
            for (const name of peer.account.made.keys())
              if (name.startsWith(`${database}.${schema}.`)) peer.account.made.delete(name);
          });
      }),
  };
}
