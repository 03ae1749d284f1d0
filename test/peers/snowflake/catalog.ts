import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { Failure } from './failure.ts';
import { type Locks, makeLocks } from './locks.ts';

/** Names of a server's database and schema, as it keeps them. */
export interface Home {
  readonly database: string;
  readonly schema: string;
}

/** What others see of a session that holds locks. */
export interface Holder {
  /** Statements under way. */
  readonly busy: number;
  /** Takes its transaction back. */
  abort(): Promise<unknown>;
}

/** Everything of an account that sessions share. */
export interface Account {
  /** Sessions by their first token. */
  readonly holders: Map<string, Holder>;
  readonly home: Home;
  readonly instance: DuckDBInstance;
  readonly locks: Locks;
  /** When each table was made, by its full name. */
  readonly made: Map<string, bigint>;
  /** Files that COPY has loaded, by table and path. */
  readonly history: Set<string>;
  /** Folder of the users' stages. */
  readonly stages: string;
  connect(): Promise<DuckDBConnection>;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** An account with a database, and the schema in it unless it is to be made by its user. */
export async function makeAccount(folder: string, home: Home, withSchema: boolean): Promise<Account> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const stages = join(folder, 'stages');
  mkdirSync(stages, { recursive: true });
  const first = await instance.connect();
  await first.run(`ATTACH ':memory:' AS ${quoted(home.database)}`);
  if (withSchema) await first.run(`CREATE SCHEMA ${quoted(home.database)}.${quoted(home.schema)}`);
  first.closeSync();
  return {
    home,
    instance,
    locks: makeLocks(),
    holders: new Map(),
    made: new Map(),
    history: new Set(),
    stages,
    connect: async () => {
      const connection = await instance.connect();
      await connection.run("SET TimeZone = 'UTC'");
      return connection;
    },
  };
}

/** True where the schema is there. */
export async function hasSchema(connection: DuckDBConnection, home: Home): Promise<boolean> {
  const { database, schema } = home;
  const found = await connection.runAndReadAll(
    'SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?',
    [database, schema],
  );
  return found.getRows().length > 0;
}

/** Takes note of tables that came or went behind the server's back. */
export async function refresh(account: Account): Promise<void> {
  const reader = await account.connect();
  const found = await reader.runAndReadAll(
    "SELECT database_name || '.' || schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = ?",
    [account.home.database],
  );
  reader.closeSync();
  const there = new Set(found.getRows().map(([name]) => String(name)));
  for (const name of account.made.keys()) if (!there.has(name)) account.made.delete(name);
  for (const name of there) if (!account.made.has(name)) account.made.set(name, now(account));
}

/** Later than every time before it, as two tables made in a row must differ. */
export function now(account: Account): bigint {
  const latest = [...account.made.values()].reduce((most, made) => (made > most ? made : most), 0n);
  const clock = BigInt(Date.now()) * 1000n;
  return clock > latest ? clock : latest + 1n;
}

/** A name in a statement: parts quoted or folded, completed with the session's database and schema. */
export function fullName(written: string, home: Home): string {
  const parts = [...written.matchAll(/"((?:[^"]|"")+)"|([^."\s]+)/g)].map(
    ([, kept, plain]) => kept?.replaceAll('""', '"') ?? (plain ?? '').toUpperCase(),
  );
  const [name = '', schema = home.schema, database = home.database] = parts.reverse();
  if (name === '') throw new Failure('001003', `SQL compilation error: no name in ${written}`);
  return `${database}.${schema}.${name}`;
}
