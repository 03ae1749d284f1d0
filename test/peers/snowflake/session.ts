import type { DuckDBConnection } from '@duckdb/node-api';
import { type Account, fullName, type Home, hasSchema, now } from './catalog.ts';
import { absent, asFailure, Failure } from './failure.ts';
import { runMerge } from './merge.ts';
import { counts, type Rowset, rowsetOf, seconds, texts, timed } from './rowset.ts';
import { copyInto } from './stage.ts';
import { folded } from './text.ts';
import { toDuckdb } from './transpile.ts';

/** One session: its own transaction on the account's data. */
export interface Session {
  readonly token: string;
  readonly user: string;
  readonly role: string;
  readonly connection: DuckDBConnection;
  readonly account: Account;
  /** What names without a database and schema mean. */
  readonly home: Home;
  /** `begun` once a statement of the transaction has run: its snapshot is taken when its first lock is. */
  transaction: 'none' | 'open' | 'begun';
  /** Statements under way. */
  busy: number;
}

/** A session, seen by whoever waits for its locks. */
export function openSession(facts: Omit<Session, 'transaction' | 'busy'>): Session {
  const session: Session = { ...facts, transaction: 'none', busy: 0 };
  session.account.holders.set(session.token, {
    get busy() {
      return session.busy;
    },
    abort: () => end(session, 'ROLLBACK'),
  });
  return session;
}

const STATUS = (words: string): Rowset => texts(['status'], [[words]]);
const DONE = STATUS('Statement executed successfully.');

async function end(session: Session, how: 'COMMIT' | 'ROLLBACK'): Promise<Rowset> {
  const { connection, account, token, transaction } = session;
  session.transaction = 'none';
  try {
    if (transaction === 'begun') await connection.run(how);
  } finally {
    account.locks.release(token);
  }
  return DONE;
}

/** Takes back what is open and lets go of every lock: the session is closed. */
export async function closeSession(session: Session): Promise<void> {
  session.account.holders.delete(session.token);
  await end(session, 'ROLLBACK').catch(() => undefined);
  session.connection.closeSync();
}

/** A transaction that is idle and in somebody's way is taken back; the service waits five minutes for that. */
const IDLE = 250;

async function locked(session: Session, written: string): Promise<void> {
  const { account, token } = session;
  const table = fullName(written, session.home);
  const timer = setInterval(() => {
    const owner = account.holders.get(account.locks.owner(table) ?? '');
    if (owner !== undefined && owner.busy === 0) void owner.abort();
  }, IDLE);
  const taken = await account.locks.take(table, token).finally(() => clearInterval(timer));
  if (taken) return;
  throw new Failure(
    '000625',
    `Statement '${token}' has locked table '${written}' in transaction 1 and this lock has not yet been released.\nYour statement was aborted because the number of waiters for this lock exceeds the 20 statement limit.`,
    '57014',
  );
}

async function begun(session: Session): Promise<void> {
  if (session.transaction !== 'open') return;
  await session.connection.run('BEGIN TRANSACTION');
  session.transaction = 'begun';
}

/** Outside of a transaction each statement is one. */
async function alone<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const isAlone = session.transaction === 'none';
  try {
    return await work();
  } finally {
    if (isAlone) session.account.locks.release(session.token);
  }
}

async function showTables(session: Session, sql: string): Promise<Rowset> {
  const { account } = session;
  const [, like, of] = /^SHOW TABLES(?: LIKE '([^']*)')?(?: IN SCHEMA (\S+))?/.exec(sql) ?? [];
  const place = of === undefined ? session.home : schemaOf(of, session.home);
  const reader = await account.connect();
  try {
    if (!(await hasSchema(reader, place)))
      throw new Failure(
        '002043',
        `SQL compilation error:\nObject does not exist, or operation cannot be performed.`,
        '02000',
      );
    const rows: (string | null)[][] = [];
    const prefix = `${place.database}.${place.schema}.`;
    const pattern = new RegExp(`^${(like ?? '%').replaceAll('%', '.*').replaceAll('_', '.')}$`, 'i');
    for (const [full, made] of account.made) {
      const name = full.slice(prefix.length);
      if (!full.startsWith(prefix) || !pattern.test(name)) continue;
      const parts = [place.database, place.schema, name].map((part) => `"${part}"`).join('.');
      const counted = await reader.runAndReadAll(`SELECT COUNT(*) FROM ${parts}`);
      rows.push([seconds(made), name, place.database, place.schema, 'TABLE', String(counted.getRows()[0]?.[0])]);
    }
    return timed(texts(['created_on', 'name', 'database_name', 'schema_name', 'kind', 'rows'], rows), 'created_on');
  } finally {
    reader.closeSync();
  }
}

function schemaOf(written: string, home: Home): Home {
  const [database = '', schema = ''] = fullName(`${written}.X`, home).split('.');
  return { database, schema };
}

async function define(session: Session, sql: string): Promise<Rowset> {
  const { account, connection } = session;
  // A definition ends the transaction that is open.
  await end(session, 'COMMIT');
  const [, verb, kind = '', condition, written = ''] =
    /^(CREATE|DROP|ALTER)(?: OR REPLACE)?(?: TRANSIENT)? (TABLE|VIEW|SCHEMA)( IF (?:NOT )?EXISTS)? (\S+)/.exec(sql) ??
    [];
  if (verb === undefined)
    throw new Failure('001003', `SQL compilation error:\nunexpected definition ${sql.slice(0, 60)}`);
  const isTable = kind === 'TABLE';
  const name = isTable ? fullName(written.replace(/\($/, ''), session.home) : written;
  const there = account.made.has(name);
  if (isTable && verb === 'CREATE' && condition !== undefined && there)
    return STATUS(`${written} already exists, statement succeeded.`);
  // Of a schema both languages say the same, but for what is still in it.
  const isSchema = kind === 'SCHEMA';
  await connection.run(isSchema ? `${sql}${verb === 'DROP' ? ' CASCADE' : ''}` : await toDuckdb(sql));
  if (isTable && verb === 'DROP') account.made.delete(name);
  if (isTable && verb === 'CREATE') account.made.set(name, now(account));
  return STATUS(`${kind} ${written} successfully ${verb === 'DROP' ? 'dropped' : 'created'}.`);
}

async function changed(session: Session, sql: string): Promise<Rowset> {
  const [verb = ''] = sql.split(' ', 1);
  const [, table = ''] = /^(?:UPDATE|DELETE FROM|MERGE INTO|INSERT INTO) (\S+)/.exec(sql) ?? [];
  if (!session.account.made.has(fullName(table, session.home))) throw absent('Object', table);
  if (verb !== 'INSERT') await locked(session, table);
  await begun(session);
  if (verb === 'MERGE') return runMerge(session.connection, sql);
  if (/\bVALUES\s*\([^)]*PARSE_JSON\(/.test(sql))
    throw new Failure('002014', 'SQL compilation error:\nInvalid expression [PARSE_JSON(…)] in VALUES clause', '22000');
  const { rowsChanged } = await session.connection.run(await toDuckdb(sql));
  if (verb === 'UPDATE')
    return counts({ 'number of rows updated': rowsChanged, 'number of multi-joined rows updated': 0 });
  return counts({ [`number of rows ${verb === 'INSERT' ? 'inserted' : 'deleted'}`]: rowsChanged });
}

/** True for a statement that needs a virtual warehouse at work. */
export const wakes = (sql: string): boolean =>
  /^\s*(insert|update|delete|merge|copy|create.*\bas\s+select|(select|with)\b.*\bfrom\b)/is.test(sql) &&
  !/create (or replace )?view/i.test(sql);

async function dispatch(session: Session, given: string): Promise<Rowset> {
  const sql = folded(given);
  if (/^BEGIN\b|^START TRANSACTION\b/.test(sql)) {
    if (session.transaction === 'none') session.transaction = 'open';
    return DONE;
  }
  if (sql === 'COMMIT' || sql === 'ROLLBACK') return end(session, sql);
  if (sql.startsWith('SHOW TABLES')) return showTables(session, sql);
  if (sql.startsWith('COPY INTO')) {
    await end(session, 'COMMIT');
    return copyInto(session, given.trim());
  }
  if (/^(CREATE|DROP|ALTER)\b/.test(sql)) return define(session, sql);
  if (/^(INSERT|UPDATE|DELETE|MERGE)\b/.test(sql)) return changed(session, sql);
  if (!/^(SELECT|WITH)\b/.test(sql))
    throw new Failure('001003', `SQL compilation error:\nunexpected '${sql.slice(0, 20)}'`);
  await begun(session);
  return rowsetOf(await session.connection.stream(await toDuckdb(sql)));
}

/** Runs one statement without parameters. Throws Failure. */
export async function execute(session: Session, sql: string): Promise<Rowset> {
  session.busy += 1;
  try {
    return await alone(session, () => dispatch(session, sql));
  } catch (error) {
    throw asFailure(error);
  } finally {
    session.busy -= 1;
  }
}
