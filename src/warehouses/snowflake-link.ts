import type { Connection, RowStatement, SnowflakeError } from 'snowflake-sdk';
import type { ReadOptions, Row, Statement } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { driverConnection, withoutHeartbeat } from './snowflake-driver.ts';
import { loginOptions, type Options } from './snowflake-login.ts';
import { type Requests, sessionRequests } from './snowflake-requests.ts';
import { rowReader } from './snowflake-rows.ts';

/** How long Snowflake may say nothing, and how long one statement may take, in ms. */
export interface Patience {
  readonly silence: number;
  readonly statement: number;
}

/** Snowflake answers every 45 s while a statement is at work; the driver would ask a dead server for many minutes. */
export const PATIENCE: Patience = { silence: 60_000, statement: 60 * 60_000 };

/** How long a logout may take, in ms. */
const GOODBYE = 5_000;

/** Sent with every statement: what sessions of other users may have been set to otherwise. */
const PARAMETERS = {
  TIMEZONE: 'UTC',
  // Another format would make no time of any of ours, and a limit would make half an answer a whole one.
  TIMESTAMP_INPUT_FORMAT: 'AUTO',
  ROWS_PER_RESULTSET: 0,
  ERROR_ON_NONDETERMINISTIC_MERGE: true,
  LOCK_TIMEOUT: 600,
} as const;

/** A session with Snowflake, used by one caller at a time. */
export interface Link {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly patience: Patience;
  /** No longer of use: whatever was under way in it is undone by the server, or will be. */
  lost: boolean;
}

/** A statement's whole answer. */
export interface Answer {
  readonly rows: readonly Row[];
  readonly query_id: string;
  /** The role that it ran with, where the server says so. */
  readonly role: string | null;
}

function silent(seconds: number): RollcallError {
  return new RollcallError(
    'transient',
    `Snowflake did not answer within ${seconds} s; look at status.snowflake.com and at the network, and run again`,
  );
}

/** Waits for a callback, but not for ever: the driver goes on asking a server that is ill. */
function within<T>(
  ms: number,
  begin: (done: (error: unknown, value: T) => void) => void,
  late: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      late();
      reject(silent(Math.round(ms / 1000)));
    }, ms);
    begin((error, value) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(value);
    });
  });
}

/** Logs in. Throws the driver's own error where Snowflake says no. */
export async function logIn(o: Options, scratch: string, patience: Patience = PATIENCE): Promise<Link> {
  const connection = await driverConnection(scratch, loginOptions(o));
  const requests = sessionRequests();
  await within<undefined>(
    patience.silence,
    (done) => requests.during(() => connection.connect((error) => done(error, undefined))),
    () => requests.end(),
  );
  withoutHeartbeat(connection);
  return { connection, requests, patience, lost: false };
}

/** Logs out; what is open in the session is undone. Where the server cannot be told, it finds out by itself. */
export async function logOut(link: Link): Promise<void> {
  link.lost = true;
  link.requests.end();
  if (!link.connection.isUp()) return;
  const goodbye = sessionRequests();
  const gone = within<undefined>(
    GOODBYE,
    (done) => goodbye.during(() => link.connection.destroy(() => done(null, undefined))),
    () => goodbye.end(),
  );
  // Nobody waits for what the server says to it: the session is of no more use here either way.
  await gone.catch(() => undefined);
}

/**
 * Codes of a session that is over: its tokens have expired, or it was closed (401004 is the driver's for a 390104 that
 * comes with the status 401); and of a server that was not reached.
 */
const OVER: ReadonlySet<string> = new Set(['390104', '390111', '390112', '390114', '401004', '407001', '407002']);
const UNREACHED: ReadonlySet<string> = new Set(['401001', '401002', '401003', '402001', '402002']);

/** The code of a driver's error, with six digits; empty for what is none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'number' || typeof error.code === 'string' ? String(error.code).padStart(6, '0') : '';
}

/** The session is over; the same in another one may well succeed. */
export const isOver = (error: unknown): boolean => OVER.has(codeOf(error));

/** Something else answered in Snowflake's place, such as a gateway with a page: there is no code in it, and no words. */
export const isMute = (error: unknown): boolean =>
  error instanceof Error && error.message === '' && codeOf(error) === '';

/** What came of a statement is unknown, or will not come in this session. */
const isLoss = (error: unknown): boolean =>
  error instanceof RollcallError || isOver(error) || isMute(error) || UNREACHED.has(codeOf(error));

/** Begins a statement and waits until its answer begins. */
export async function begin(link: Link, { sql, params }: Statement, describeOnly = false): Promise<RowStatement> {
  const { silence, statement: longest } = link.patience;
  try {
    return await new Promise<RowStatement>((resolve, reject) => {
      const started = Date.now();
      // What is at work has an id: Snowflake gives it with its first answer, and then answers now and then.
      const check = (): void => {
        const works = typeof running.getQueryId() === 'string';
        if (works && Date.now() - started < longest) {
          timer = setTimeout(check, silence);
          return;
        }
        link.requests.end();
        reject(silent(Math.round((Date.now() - started) / 1000)));
      };
      let timer = setTimeout(check, silence);
      const complete = (error: SnowflakeError | undefined, statement: RowStatement): void => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(statement);
      };
      const running = link.requests.during(() =>
        link.connection.execute({
          sqlText: sql,
          binds: [...params],
          parameters: { ...PARAMETERS },
          rowMode: 'array',
          fetchAsString: ['Number'],
          streamResult: true,
          complete,
          ...(describeOnly ? { describeOnly } : {}),
        }),
      );
    });
  } catch (error) {
    if (isLoss(error)) link.lost = true;
    throw error;
  }
}

/** Rows of a begun statement as they arrive. Throws where fewer come than were promised: an answer must be whole. */
export async function* rowsOf(link: Link, statement: RowStatement, { columns }: ReadOptions = {}): AsyncIterable<Row> {
  const { names, read } = rowReader(statement.getColumns() ?? []);
  columns?.(names);
  const promised = statement.getNumRows();
  const stream = link.requests.during(() => statement.streamRows());
  let late: NodeJS.Timeout | undefined;
  let seen = 0;
  const watch = (): void => {
    late = setTimeout(() => {
      link.requests.end();
      stream.destroy(silent(link.patience.silence / 1000));
    }, link.patience.silence);
  };
  try {
    watch();
    for await (const row of stream) {
      clearTimeout(late);
      seen += 1;
      yield read(row);
      watch();
    }
  } catch (error) {
    if (isLoss(error)) link.lost = true;
    throw error;
  } finally {
    clearTimeout(late);
  }
  if (typeof promised === 'number' && promised !== seen)
    throw new RollcallError('transient', `Snowflake announced ${promised} rows and sent ${seen}; run again`);
}

/** The role that a statement ran with, where the server says so. */
function roleOf(statement: RowStatement): string | null {
  const state = statement.getSessionState();
  if (state === undefined || !('getCurrentRole' in state) || typeof state.getCurrentRole !== 'function') return null;
  const role: unknown = state.getCurrentRole();
  return typeof role === 'string' && role !== '' ? role : null;
}

/** Runs a statement whose answer is small. */
export async function ask(link: Link, statement: Statement): Promise<Answer> {
  const begun = await begin(link, statement);
  const rows = await Array.fromAsync(rowsOf(link, begun));
  return { rows, query_id: begun.getQueryId() ?? '', role: roleOf(begun) };
}

/** Names of a query's columns in lower case, without running it. */
export async function describe(link: Link, sql: string): Promise<string[]> {
  const begun = await begin(link, { sql, params: [] }, true);
  return (begun.getColumns() ?? []).map((column) => column.getName().toLowerCase());
}
