import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { z } from 'zod';
import type { OpenContext, Script, SealedFile, Session, Statement, Warehouse } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { readState } from '../sql/state.ts';
import { STAGING_COLUMNS } from '../sql/tables.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { rowsOf } from './duckdb-rows.ts';

const options = z.strictObject({
  path: z.string().min(1).meta({ path: true }).describe('The database file; made when it is missing'),
  memory_limit: z
    .string()
    .regex(/^\d+(\.\d+)?\s?[KMGT]i?B$/i)
    .default('256MB')
    .describe('Most memory of DuckDB itself'),
  threads: z
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('Threads of DuckDB; one loads as fast as two and in less memory'),
});

type Options = z.infer<typeof options>;

/** How long a file that another process holds is waited for, in ms. */
const LOCK_PATIENCE = 30_000;
const LOCK_POLL = 100;

/** Least size of the buffer that DuckDB reads lines through, in bytes; it takes twice as much. */
const READ_BUFFER = 2 * 1024 * 1024;

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** DuckDB's words as an error that says who must act. */
function explain(error: unknown, step: string, path: string): RollcallError {
  if (error instanceof RollcallError) return error;
  const text = words(error);
  const first = text.split('\n', 1)[0] ?? text;
  if (/no space left|could not write|disk is full/i.test(text)) {
    return new RollcallError(
      'transient',
      `the disk is full: DuckDB could not write ${path}; free space and run again`,
      { step, cause: error },
    );
  }
  if (/conflict on|transactioncontext|write-write/i.test(text)) {
    return new RollcallError('transient', `another program changed ${path} at the same time (${first})`, {
      step,
      cause: error,
    });
  }
  if (/permission denied|read-only file system/i.test(text)) {
    return new RollcallError('config', `may not write ${path}; check its owner and the folder's permissions`, {
      step,
      cause: error,
    });
  }
  return new RollcallError('bug', `DuckDB refused a statement: ${first}`, { step, cause: error });
}

function holder(text: string): string {
  const found = /held in ([^(]*)\(PID (\d+)\)/.exec(text);
  return found === null ? 'another process' : `process ${found[2]} (${(found[1] ?? '').trim()})`;
}

/** Opens the file, waiting while another process holds it. */
async function openFile(o: Options, readOnly: boolean, context: OpenContext): Promise<DuckDBInstance> {
  const { DuckDBInstance: instances } = await import('@duckdb/node-api');
  const settings = { threads: String(o.threads), memory_limit: o.memory_limit, preserve_insertion_order: 'false' };
  const until = Date.now() + LOCK_PATIENCE;
  for (;;) {
    try {
      return await instances.create(o.path, readOnly ? { ...settings, access_mode: 'READ_ONLY' } : settings);
    } catch (error) {
      const text = words(error);
      if (!/could not set lock|conflicting lock|being used by another process/i.test(text))
        throw openFailed(error, o.path);
      if (Date.now() >= until) {
        throw new RollcallError(
          'busy',
          `${o.path} is held by ${holder(text)} for more than 30 s; close that program and run again`,
          { step: 'open warehouse', cause: error },
        );
      }
      context.waiting(LOCK_POLL, `the warehouse file is held by ${holder(text)}`);
      await sleep(LOCK_POLL, undefined, { signal: context.signal });
    }
  }
}

function openFailed(error: unknown, path: string): RollcallError {
  const text = words(error);
  if (/not a valid duckdb database|corrupt|serialization|storage version/i.test(text)) {
    return new RollcallError(
      'config',
      `${path} is not a DuckDB file this version can read; move it away or set another warehouse.path`,
      { step: 'open warehouse', cause: error },
    );
  }
  if (/permission denied|read-only file system|cannot open file/i.test(text)) {
    return new RollcallError(
      'config',
      `cannot open ${path}: ${text.split('\n', 1)[0]}; check the path and its permissions`,
      { step: 'open warehouse', cause: error },
    );
  }
  return explain(error, 'open warehouse', path);
}

/** An open DuckDB file as a session. One connection, used by one caller at a time. */
function session(instance: DuckDBInstance, connection: DuckDBConnection, path: string): Session {
  let counted = 0;
  const exec = async (statement: Statement, step: string): Promise<number> => {
    try {
      return (await connection.run(statement.sql, [...statement.params])).rowsChanged;
    } catch (error) {
      throw explain(error, step, path);
    }
  };
  const one = (sql: string, step: string): Promise<number> => exec({ sql, params: [] }, step);

  const inTransaction = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    await one('begin transaction', step);
    try {
      const result = await work();
      await one('commit', step);
      return result;
    } catch (error) {
      // After a failed COMMIT there is no transaction left; that error is the one to report either way.
      await one('rollback', step).catch(() => undefined);
      throw error;
    }
  };

  const fenced = Symbol('fenced');
  const transact = async (script: Script): Promise<'done' | 'fenced'> => {
    try {
      return await inTransaction<'done' | 'fenced'>('apply batch', async () => {
        counted += 1;
        if ((await exec(script.fence, 'pass the fence')) !== 1) throw fenced;
        for (const statement of script.steps) {
          counted += 1;
          await exec(statement, 'apply batch');
        }
        return 'done' as const;
      });
    } catch (error) {
      if (error === fenced) return 'fenced';
      throw error;
    }
  };

  const stage = async (file: SealedFile): Promise<string> => {
    const name = duckdbDialect.name(`stage_${file.batch_id.replaceAll('-', '_')}`);
    const columns = STAGING_COLUMNS.map((column) => `${duckdbDialect.name(column)}: 'VARCHAR'`).join(', ');
    const read = `read_json(${duckdbDialect.literal(file.path)}, format = 'newline_delimited', maximum_object_size = ${Math.max(file.longest + 1, READ_BUFFER)}, columns = {${columns}})`;
    counted += 1;
    await one(`create or replace temp table ${name} as select * from ${read}`, 'stage batch');
    return name;
  };

  const read = async function* (query: Statement) {
    counted += 1;
    try {
      yield* rowsOf(await connection.stream(query.sql, [...query.params]));
    } catch (error) {
      throw explain(error, 'read', path);
    }
  };

  return {
    identity: (name) => identity(connection, name),
    run: (statements) =>
      inTransaction('prepare tables', async () => {
        for (const statement of statements) await exec(statement, 'prepare tables');
      }),
    stage,
    unstage: async (staging) => {
      await one(`drop table if exists ${staging}`, 'drop staging');
    },
    transact,
    read,
    statements: () => counted,
    close: async () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** The tables' identity is theirs by the state row alone: the file is one, and no other metadata outlives a reopening. */
async function identity(connection: DuckDBConnection, name: string) {
  const tables = await connection.runAndReadAll(
    "select table_name, estimated_size from duckdb_tables() where schema_name = 'main' and table_name in ('users', 'user_changes', 'rollcall_state', 'sync_runs')",
  );
  const sizes = new Map(tables.getRows().map(([table, size]) => [String(table), Number(size)]));
  const rows = sizes.get('users');
  if (rows === undefined || sizes.size < 4) return null;
  const { sql, params } = readState(duckdbDialect, name);
  const found = (await connection.runAndReadAll(sql, [...params])).getRows()[0];
  if (found === undefined) return { tables: 'duckdb', rows, state: null };
  const [epoch = '', seq, batch_id = '', recipe = '', account = '', updated_at = ''] = found.map(String);
  const state = { epoch, seq: Number(seq), batch_id, recipe, account, updated_at };
  return { tables: 'duckdb', rows, state };
}

/** The embedded warehouse: one DuckDB file, open only while something is applied or read. https://duckdb.org/docs/stable/clients/node_neo */
export const duckdb: Warehouse<Options> = {
  name: 'duckdb',
  options,
  dialect: duckdbDialect,
  freeWrites: true,
  open: async (o, access, context) => {
    if (access === 'read' && !existsSync(o.path)) return null;
    if (access === 'write') mkdirSync(dirname(o.path), { recursive: true });
    const instance = await openFile(o, access === 'read', context);
    const connection = await instance.connect();
    await connection.run("set TimeZone = 'UTC'");
    return session(instance, connection, o.path);
  },
};
