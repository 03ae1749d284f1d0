import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Access, ReadOptions, Row, Script, SealedFile, Session, Statement } from '../contract/warehouse.ts';
import { STAGING_COLUMNS } from '../sql/tables.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { identity, layoutOf } from './duckdb-identity.ts';
import { explain } from './duckdb-open.ts';
import { rowsOf } from './duckdb-rows.ts';
import { scrub } from './duckdb-scrub.ts';

/** Least size of the buffer that DuckDB reads lines through, in bytes; it takes twice as much. */
const READ_BUFFER = 2 * 1024 * 1024;

/** What a session is made over. */
export interface Handle {
  readonly connection: DuckDBConnection;
  readonly path: string;
  counted: number;
  /** The lasting statements that were run last. The file is this process's alone, so nobody undoes them. */
  made: ReadonlySet<string>;
  /** What `made` is seen to have made, as long as nothing more is. */
  layout: readonly string[] | null;
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

/** A batch of so many lines or more is large. */
const SMALL_BATCH = 5000;

async function run(h: Handle, statements: readonly Statement[]): Promise<void> {
  const due = statements.filter(({ lasting, sql }) => lasting !== true || !h.made.has(sql));
  if (due.length === 0) return;
  h.layout = null;
  await inTransaction(h, 'prepare tables', async () => {
    for (const statement of due) await exec(h, statement, 'prepare tables');
  });
  const lasting = statements.filter((statement) => statement.lasting === true);
  if (lasting.length > 0) h.made = new Set(lasting.map(({ sql }) => sql));
}

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
export function session(instance: DuckDBInstance, h: Handle, access: Access): Session {
  return {
    identity: async (name) => {
      h.layout ??= await layoutOf(h.connection);
      return identity(h.connection, name, h.layout);
    },
    run: (statements) => run(h, statements),
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
