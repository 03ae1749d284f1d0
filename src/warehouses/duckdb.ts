import { randomInt } from 'node:crypto';
import { existsSync, rmSync, statSync } from 'node:fs';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { z } from 'zod';
import type {
  Access,
  ReadOptions,
  Row,
  Script,
  SealedFile,
  Session,
  Statement,
  Warehouse,
} from '../contract/warehouse.ts';
import { STAGING_COLUMNS } from '../sql/tables.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { identity } from './duckdb-identity.ts';
import { explain, makeRoom, openFile } from './duckdb-open.ts';
import { rowsOf } from './duckdb-rows.ts';
import { removeCopy, scrub } from './duckdb-scrub.ts';

const options = z.strictObject({
  path: z.string().min(1).meta({ path: true }).describe('The database file; made when it is missing'),
  memory_limit: z
    .string()
    .regex(/^\d+(\.\d+)?\s?[KMGT]i?B$/i)
    .default('128MB')
    .describe('Most memory of DuckDB itself'),
  threads: z
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('Threads of DuckDB; one loads as fast as two and in less memory'),
});

type Options = z.infer<typeof options>;

/** Least size of the buffer that DuckDB reads lines through, in bytes; it takes twice as much. */
const READ_BUFFER = 2 * 1024 * 1024;

/** What a session is made over. */
interface Handle {
  readonly connection: DuckDBConnection;
  readonly path: string;
  counted: number;
  /** Small row groups are merged when this session closes. */
  compacts: boolean;
}

async function exec(h: Handle, statement: Statement, step: string): Promise<number> {
  try {
    return (await h.connection.run(statement.sql, [...statement.params])).rowsChanged;
  } catch (error) {
    throw explain(error, step, h.path);
  }
}

const one = (h: Handle, sql: string, step: string): Promise<number> => exec(h, { sql, params: [] }, step);

async function inTransaction<T>(h: Handle, step: string, work: () => Promise<T>): Promise<T> {
  await one(h, 'begin transaction', step);
  try {
    const result = await work();
    await one(h, 'commit', step);
    return result;
  } catch (error) {
    // After a failed COMMIT there is no transaction left; that error is the one to report either way.
    await one(h, 'rollback', step).catch(() => undefined);
    throw error;
  }
}

const FENCED = Symbol('the fence changed no row');

async function transact(h: Handle, script: Script): Promise<'done' | 'fenced'> {
  try {
    await inTransaction(h, 'apply batch', async () => {
      h.counted += 1;
      if ((await exec(h, script.fence, 'pass the fence')) !== 1) throw FENCED;
      for (const statement of script.steps) {
        h.counted += 1;
        await exec(h, statement, 'apply batch');
      }
    });
    return 'done';
  } catch (error) {
    if (error === FENCED) return 'fenced';
    throw error;
  }
}

/**
 * Each checkpoint leaves the rows that came since the last one as a row group of their own, and by default merges small
 * ones, rewriting up to a million rows. Within a large load that would be most of the work; so it is done by one session
 * in so many, drawn by chance, and not with a large batch. Runs that change nothing count: each adds its own row.
 */
const COMPACTS_EVERY = 64;
const SMALL_BATCH = 5000;

async function stage(h: Handle, file: SealedFile): Promise<string> {
  const name = duckdbDialect.name(`stage_${file.batch_id.replaceAll('-', '_')}`);
  const columns = STAGING_COLUMNS.map((column) => `${duckdbDialect.name(column)}: 'VARCHAR'`).join(', ');
  const size = Math.max(file.longest + 1, READ_BUFFER);
  const lines = `read_json(${duckdbDialect.literal(file.path)}, format = 'newline_delimited', maximum_object_size = ${size}, columns = {${columns}})`;
  h.counted += 1;
  if (file.lines >= SMALL_BATCH) h.compacts = false;
  await one(h, `create or replace temp table ${name} as select * from ${lines}`, 'stage batch');
  return name;
}

async function* read(h: Handle, query: Statement, options: ReadOptions = {}): AsyncIterable<Row> {
  h.counted += 1;
  try {
    yield* rowsOf(await h.connection.stream(query.sql, [...query.params]), options);
  } catch (error) {
    throw explain(error, 'read', h.path);
  }
}

/** An open DuckDB file as a session. One connection, used by one caller at a time. */
function session(instance: DuckDBInstance, h: Handle, access: Access): Session {
  return {
    identity: (name) => identity(h.connection, name),
    run: (statements) =>
      inTransaction(h, 'prepare tables', async () => {
        for (const statement of statements) await exec(h, statement, 'prepare tables');
      }),
    stage: (file) => stage(h, file),
    unstage: async (staging) => {
      await one(h, `drop table if exists ${staging}`, 'drop staging');
    },
    transact: (script) => transact(h, script),
    read: (query, options) => read(h, query, options),
    statements: () => h.counted,
    scrub: async () => {
      try {
        await scrub(h.connection, h.path);
      } catch (error) {
        throw explain(error, 'rewrite the file without what was deleted', h.path);
      }
    },
    close: async () => {
      try {
        // Closing folds the log in as well, but it would hold up this thread while it does.
        if (h.compacts) await one(h, 'reset max_vacuum_tasks', 'close warehouse');
        if (access === 'write') await one(h, 'checkpoint', 'close warehouse');
      } finally {
        h.connection.closeSync();
        instance.closeSync();
      }
    },
  };
}

/** A file without a byte is what a crash leaves that came before the first one. */
const isThere = (path: string): boolean => existsSync(path) && (!statSync(path).isFile() || statSync(path).size > 0);

/** The embedded warehouse: one DuckDB file, open only while something is applied or read. https://duckdb.org/docs/stable/clients/node_neo */
export const duckdb: Warehouse<Options> = {
  name: 'duckdb',
  options,
  dialect: () => duckdbDialect,
  freeWrites: true,
  oneSession: true,
  insertsConflict: true,
  open: async (o, access, context) => {
    if (access === 'read' && !isThere(o.path)) return null;
    if (access === 'write') makeRoom(o.path);
    if (access === 'write' && existsSync(o.path) && !isThere(o.path)) rmSync(o.path);
    const instance = await openFile(o, access === 'read', context);
    const connection = await instance.connect();
    await connection.run("set TimeZone = 'UTC'");
    if (access === 'write') {
      removeCopy(o.path);
      await connection.run('set max_vacuum_tasks = 0');
      // The file is closed after a batch anyway: what is committed goes straight to its place, not to the log first.
      await connection.run("set wal_autocheckpoint = '1KB'");
    }
    return session(
      instance,
      { connection, path: o.path, counted: 0, compacts: randomInt(COMPACTS_EVERY) === 0 },
      access,
    );
  },
};
