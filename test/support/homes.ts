import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Access, Row, Session } from '../../src/contract/warehouse.ts';
import type { Deps } from '../../src/sync/settings.ts';
import { bigquery } from '../../src/warehouses/bigquery.ts';
import { duckdb } from '../../src/warehouses/duckdb.ts';
import { rowsOf } from '../../src/warehouses/duckdb-rows.ts';
import { duckName } from '../peers/bigquery/translate.ts';
import { optionsIn, sharedPeer } from './bigquery.ts';

/** Where an engine's tables are: a warehouse of some kind, its own until it is given to another engine. */
export interface Home {
  readonly warehouse: Deps['warehouse'];
  /** It is a file in this folder, and is copied with it. */
  readonly file: string | null;
  /** Metadata tell the rows of each connection, and not of all together. */
  readonly tellsApart: boolean;
  open(access: Access): Promise<Session | null>;
  /** Reads behind the engine's back, in DuckDB's SQL whatever the warehouse: peers keep their tables in one. */
  queries(...sqls: readonly string[]): Promise<Row[][]>;
  /** Changes the tables behind the engine's back. */
  tamper(...statements: readonly string[]): Promise<void>;
  exists(): Promise<boolean>;
  /** Takes all tables away. */
  lose(): Promise<void>;
  /** Keeps a copy; the result brings it back. */
  backup(): Promise<() => Promise<void>>;
}

const context = { scratch: tmpdir(), signal: new AbortController().signal, waiting: () => undefined };

function duckdbHome(folder: string): Home {
  const path = join(folder, 'warehouse.duckdb');
  const options = { path, memory_limit: '256MB', threads: 1 };
  const open = (access: Access): Promise<Session | null> => duckdb.open(options, access, context);
  const within = async <T>(access: Access, work: (session: Session) => Promise<T>): Promise<T> => {
    const session = await open(access);
    if (session === null) throw new Error('there is no warehouse yet');
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  };
  const remove = (): void => {
    for (const tail of ['', '.wal']) rmSync(`${path}${tail}`, { force: true });
  };
  return {
    warehouse: { ...duckdb, dialect: duckdb.dialect(options) },
    file: path,
    tellsApart: true,
    open,
    queries: (...sqls) =>
      within('read', async (session) => {
        const found: Row[][] = [];
        for (const sql of sqls) found.push(await Array.fromAsync(session.read({ sql, params: [] })));
        return found;
      }),
    tamper: (...statements) =>
      within('write', (session) => session.run(statements.map((sql) => ({ sql, params: [] })))),
    exists: async () => existsSync(path),
    lose: async () => remove(),
    backup: async () => {
      const kept = `${path}.backup`;
      copyFileSync(path, kept);
      return async () => {
        remove();
        copyFileSync(kept, path);
      };
    },
  };
}

/** A session whose closing waits for what is under way: a process that is dead has nothing under way. */
function settling(session: Session): Session {
  const under = new Set<Promise<unknown>>();
  const seen = <A extends unknown[], T>(work: (...args: A) => Promise<T>) => {
    return (...args: A): Promise<T> => {
      const done = work(...args);
      under.add(done);
      return done;
    };
  };
  return {
    ...session,
    run: seen(session.run),
    stage: seen(session.stage),
    unstage: seen(session.unstage),
    transact: seen(session.transact),
    close: async () => {
      await Promise.allSettled(under);
      await session.close();
    },
  };
}

async function bigqueryHome(): Promise<Home> {
  const peer = await sharedPeer();
  const options = bigquery.options.parse(optionsIn(peer));
  const dataset = `${options.project}.${options.dataset}`;
  const tables = async (c: DuckDBConnection): Promise<string[]> => {
    const found = await c.runAndReadAll(`select table_name from duckdb_tables() where schema_name = '${dataset}'`);
    return found.getRows().map(([name]) => String(name));
  };
  const within = async <T>(work: (c: DuckDBConnection) => Promise<T>): Promise<T> => {
    const connection = await peer.store.connect();
    try {
      if (peer.store.datasets.has(dataset)) await connection.run(`set search_path = '"${dataset}",main'`);
      return await work(connection);
    } finally {
      connection.closeSync();
      await peer.store.refresh();
    }
  };
  const each = async (c: DuckDBConnection, write: (table: string) => string): Promise<void> => {
    for (const table of await tables(c)) await c.run(write(table));
  };
  return {
    warehouse: { ...bigquery, dialect: bigquery.dialect(options) },
    file: null,
    tellsApart: false,
    open: async (access) => {
      const session = await bigquery.open(options, access, context);
      return session === null ? null : settling(session);
    },
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
    exists: async () => peer.store.datasets.has(dataset),
    lose: () => peer.store.dropDataset(dataset),
    backup: () =>
      within(async (c) => {
        const kept = (table: string): string => duckName({ dataset: 'kept', table });
        await c.run('create or replace schema kept');
        await each(c, (table) => `create table ${kept(table)} as from ${duckName({ dataset, table })}`);
        return () =>
          within((again) =>
            each(again, (table) => {
              const into = duckName({ dataset, table });
              return `truncate ${into}; insert into ${into} from ${kept(table)}`;
            }),
          );
      }),
  };
}

/** The warehouse that engines have which are given none: `ROLLCALL_TEST_WAREHOUSE`, DuckDB where it is not set. */
export async function makeHome(folder: string): Promise<Home> {
  const kind = process.env.ROLLCALL_TEST_WAREHOUSE ?? 'duckdb';
  if (kind === 'duckdb') return duckdbHome(folder);
  if (kind === 'bigquery') return bigqueryHome();
  throw new Error(`test/support/homes.ts has no home of the kind ${kind}`);
}
