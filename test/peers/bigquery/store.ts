import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { MACROS } from './functions.ts';
import { duckName, quote, type TableName, text } from './translate.ts';
import { type Field, fieldOf } from './values.ts';

/** What DuckDB does not know of a table. */
export interface TableMeta {
  readonly creationTime: number;
  expirationTime: number | null;
  labels: Readonly<Record<string, string>>;
  clustering: readonly string[];
}

/** A dataset's metadata. */
export interface DatasetMeta {
  readonly project: string;
  readonly id: string;
  readonly location: string;
}

/** The datasets of all projects: tables in one DuckDB in memory, and what it does not know of them. */
export interface Store {
  readonly datasets: Map<string, DatasetMeta>;
  connect(): Promise<DuckDBConnection>;
  makeDataset(dataset: DatasetMeta): Promise<void>;
  /** `TABLE` or `VIEW`; null where there is none. A table past its time is dropped. */
  kindOf(name: TableName): Promise<'TABLE' | 'VIEW' | null>;
  /** Tables and views of a dataset. */
  list(dataset: string): { readonly table: string; readonly kind: 'TABLE' | 'VIEW' }[];
  /** Remembers that a table or view was made. */
  made(name: TableName, kind: 'TABLE' | 'VIEW'): TableMeta;
  /** When a table was made, and what else is known of it. */
  meta(name: TableName): TableMeta;
  /** Forgets a table that is dropped or made anew. */
  forget(name: TableName): void;
  fields(name: TableName): Promise<Field[]>;
  count(name: TableName): Promise<number>;
  drop(name: TableName): Promise<void>;
  /** Loads NDJSON into a table of these columns and returns the number of rows. */
  load(name: TableName, columns: readonly LoadColumn[], body: Buffer, truncate: boolean): Promise<number>;
  /** Forgets what somebody dropped behind the API's back. */
  refresh(): Promise<void>;
  /** Drops a dataset with all that is in it. */
  dropDataset(dataset: string): Promise<void>;
  close(): void;
}

/** A column of a table that is loaded. */
export interface LoadColumn {
  readonly name: string;
  readonly type: string;
}

const key = ({ dataset, table }: TableName): string => `${dataset}.${table}`;

/** Times of tables are all different, as they would be if they were made one after the other. */
let last = 0;
const nextTime = (): number => {
  last = Math.max(Date.now(), last + 1);
  return last;
};

/** An empty store. */
export async function makeStore(): Promise<Store> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' });
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-peer-'));
  const connect = async (): Promise<DuckDBConnection> => {
    const connection = await instance.connect();
    await connection.run("set TimeZone = 'UTC'");
    return connection;
  };
  const own = await connect();
  let uploads = 0;
  for (const macro of MACROS) await own.run(macro);
  const metas = new Map<string, TableMeta>();
  const datasets = new Map<string, DatasetMeta>();
  const value = async (sql: string): Promise<unknown> => (await own.runAndReadAll(sql)).getRows()[0]?.[0] ?? null;

  // DuckDB's own catalogue knows this too, but searching it takes longer the more there is.
  const kinds = new Map<string, 'TABLE' | 'VIEW'>();

  const forget = (name: TableName): void => {
    metas.delete(key(name));
    kinds.delete(key(name));
  };
  const meta = (name: TableName): TableMeta => {
    const found = metas.get(key(name));
    if (found !== undefined) return found;
    const fresh: TableMeta = { creationTime: nextTime(), expirationTime: null, labels: {}, clustering: [] };
    metas.set(key(name), fresh);
    return fresh;
  };
  const drop = async (name: TableName): Promise<void> => {
    await own.run(`drop table if exists ${duckName(name)}`);
    forget(name);
  };
  const kindOf: Store['kindOf'] = async (name) => {
    const found = kinds.get(key(name)) ?? null;
    const expires = metas.get(key(name))?.expirationTime ?? null;
    if (found === null || expires === null || expires > Date.now()) return found;
    await drop(name);
    return null;
  };
  return {
    datasets,
    connect,
    forget,
    drop,
    kindOf,
    makeDataset: async (dataset) => {
      datasets.set(`${dataset.project}.${dataset.id}`, dataset);
      await own.run(`create schema ${quote(`${dataset.project}.${dataset.id}`)}`);
    },
    meta,
    list: (dataset) =>
      [...kinds].flatMap(([name, kind]) =>
        name.startsWith(`${dataset}.`) ? [{ table: name.slice(dataset.length + 1), kind }] : [],
      ),
    made: (name, kind) => {
      kinds.set(key(name), kind);
      return meta(name);
    },
    fields: async (name) => {
      const described = await own.runAndReadAll(`describe ${duckName(name)}`);
      return described.getRows().map(([column, type]) => fieldOf(String(column), String(type)));
    },
    count: async (name) => Number(await value(`select count(*) from ${duckName(name)}`)),
    load: async (name, columns, body, truncate) => {
      // Each has a file of its own: they come at the same time.
      uploads += 1;
      const file = join(folder, `upload-${uploads}.ndjson`);
      writeFileSync(file, body);
      const shape = columns.map((column) => `${text(column.name)}: ${text(column.type)}`).join(', ');
      const lines = `read_json(${text(file)}, format = 'newline_delimited', maximum_object_size = ${body.length + 2 ** 21}, columns = {${shape}})`;
      const into = duckName(name);
      const typed = columns.map((column) => `${quote(column.name)} ${column.type}`).join(', ');
      await own.run('begin');
      try {
        if (truncate) await own.run(`drop table if exists ${into}`);
        await own.run(`create table if not exists ${into} (${typed})`);
        const { rowsChanged } = await own.run(`insert into ${into} select * from ${lines}`);
        await own.run('commit');
        kinds.set(key(name), 'TABLE');
        return rowsChanged;
      } catch (error) {
        await own.run('rollback');
        throw error;
      }
    },
    refresh: async () => {
      const found = await own.runAndReadAll('select table_schema, table_name from information_schema.tables');
      const there = new Set(found.getRows().map(([dataset, table]) => `${dataset}.${table}`));
      for (const known of kinds.keys()) if (!there.has(known)) [metas, kinds].map((map) => map.delete(known));
    },
    dropDataset: async (dataset) => {
      await own.run(`drop schema ${quote(dataset)} cascade`);
      datasets.delete(dataset);
      for (const known of kinds.keys())
        if (known.startsWith(`${dataset}.`)) [metas, kinds].map((map) => map.delete(known));
    },
    close: () => {
      own.closeSync();
      instance.closeSync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
