import type {
  Access,
  OpenContext,
  ReadOptions,
  Row,
  Script,
  Session,
  Statement,
  Warehouse,
} from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { checkSnowflake } from './snowflake-check.ts';
import { change, type Desk, inTransaction, leave, persist, readsOnly, usageOf } from './snowflake-desk.ts';
import { snowflakeDialect } from './snowflake-dialect.ts';
import { explain } from './snowflake-errors.ts';
import { grantLines } from './snowflake-grants.ts';
import { begin, rowsOf } from './snowflake-link.ts';
import { type Options, options } from './snowflake-login.ts';
import { isReading } from './snowflake-reading.ts';
import { dropStaging, stageFile, sweepStaging } from './snowflake-stage.ts';
import { identityOf, runStatements, type Shown, showTables } from './snowflake-tables.ts';

/** Runs one batch's transaction. Done again after a lost session, it meets its own fence where it had come through. */
async function transact(desk: Desk, script: Script): Promise<'done' | 'fenced'> {
  const passed = await persist(desk, 'apply the batch', (link) =>
    inTransaction(link, async () => {
      const changed = await change(desk, link, script.fence);
      if (changed === null)
        throw new RollcallError('bug', 'Snowflake did not say how many rows the fence changed; nothing was applied');
      if (changed !== 1) return false;
      for (const statement of script.steps) await change(desk, link, statement);
      return true;
    }),
  );
  return passed ? 'done' : 'fenced';
}

async function* read(desk: Desk, query: Statement, options: ReadOptions = {}): AsyncIterable<Row> {
  desk.counted += 1;
  const { link, begun } = await persist(desk, 'read', async (one) => ({ link: one, begun: await begin(one, query) }));
  desk.used.jobs.push(begun.getQueryId() ?? '');
  try {
    yield* rowsOf(link, begun, options);
  } catch (error) {
    throw explain(error, 'read', desk.o);
  }
}

/** What a session does whatever it was opened for. */
function reading(desk: Desk, first: Shown | null): Session {
  let shown = first;
  return {
    identity: async () => {
      // What was seen while opening is as good as new for whoever asks first.
      const seen = shown ?? (await persist(desk, 'look at the tables', (link) => showTables(desk, link)));
      shown = null;
      return seen === null ? null : identityOf(seen);
    },
    run: async () => {
      throw readsOnly('write rows');
    },
    stage: async () => {
      throw readsOnly('stage the batch');
    },
    unstage: async () => {
      throw readsOnly('drop the staging table');
    },
    transact: async () => {
      throw readsOnly('apply the batch');
    },
    read: async function* (query, options) {
      if (!isReading(query.sql)) throw readsOnly('read');
      yield* read(desk, query, options);
    },
    statements: () => desk.counted,
    usage: () => usageOf(desk),
    close: () => leave(desk),
  };
}

function writing(desk: Desk): Session {
  const d = snowflakeDialect(desk.o);
  return {
    ...reading(desk, null),
    run: (statements) => runStatements(desk, statements),
    stage: async (file) => {
      await persist(desk, 'look for old staging tables', (link) => sweepStaging(desk, d, link, file.batch_id));
      return stageFile(desk, d, file);
    },
    unstage: (staging) => dropStaging(desk, staging),
    transact: (script) => transact(desk, script),
    read: (query, options) => read(desk, query, options),
  };
}

function deskOf(o: Options, context: OpenContext): Desk {
  return { o, context, link: null, counted: 0, used: { rows: 0, bytes: 0, jobs: [] } };
}

async function open(o: Options, access: Access, context: OpenContext): Promise<Session | null> {
  const desk = deskOf(o, context);
  if (access === 'write') return writing(desk);
  try {
    const shown = await persist(desk, 'look at the tables', (link) => showTables(desk, link));
    if (shown !== null && identityOf(shown) !== null) return reading(desk, shown);
  } catch (error) {
    await leave(desk);
    throw error;
  }
  await leave(desk);
  return null;
}

/** Snowflake, through its own driver. https://docs.snowflake.com/en/developer-guide/node-js/nodejs-driver */
export const snowflake: Warehouse<Options> = {
  name: 'snowflake',
  options,
  dialect: snowflakeDialect,
  freeWrites: false,
  insertsConflict: false,
  // Each batch keeps the virtual warehouse awake, and waking it is charged as a minute at least.
  batch: { lines: 100_000, bytes: 256 * 1024 * 1024, age: 60 * 60_000 },
  open,
  check: (o, context) => checkSnowflake(deskOf(o, context)),
  grants: grantLines,
};
