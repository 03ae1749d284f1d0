import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';
import type { Usage } from '../contract/run.ts';
import type { OpenContext, Row, Statement } from '../contract/warehouse.ts';
import { isAbort, RollcallError } from '../errors.ts';
import { plain } from '../sql/plain.ts';
import { explain, isCrowded } from './snowflake-errors.ts';
import { giveLink, takeLink } from './snowflake-keep.ts';
import { type Answer, ask, codeOf, isOver, type Link } from './snowflake-link.ts';
import type { Options } from './snowflake-login.ts';

/** Tries of a piece of work whose session ended, of one that got no answer, and of one that others keep from its tables. */
const TRIES = { over: 3, unanswered: 2, crowded: 8 };
/** First ceiling of the backoff and its largest, in ms. */
const BASE = 1_000;
const CAP = 60_000;

/** What an open warehouse works with: a session that may be replaced, and what it has used so far. */
export interface Desk {
  readonly o: Options;
  readonly context: OpenContext;
  link: Link | null;
  /** Statements that loaded, changed or scanned data. */
  counted: number;
  readonly used: { rows: number; bytes: number; readonly jobs: string[] };
}

async function linkOf(desk: Desk): Promise<Link> {
  if (desk.link !== null && !desk.link.lost) return desk.link;
  if (desk.link !== null) await giveLink(desk.o, desk.link);
  desk.link = null;
  try {
    desk.link = await takeLink(desk.o, desk.context.scratch);
  } catch (error) {
    throw explain(error, 'log in', desk.o);
  }
  return desk.link;
}

/** Why the same work may succeed when it is done again, and how often that is tried. */
export interface Hope {
  readonly tries: number;
  readonly reason: string;
}

/** Null where it may not. */
function hope(desk: Desk, error: Error): Hope | null {
  if (desk.link?.lost === true)
    return isOver(error)
      ? { tries: TRIES.over, reason: 'the session with Snowflake is over' }
      : { tries: TRIES.unanswered, reason: 'Snowflake did not answer' };
  if (isCrowded(codeOf(error), error.message))
    return { tries: TRIES.crowded, reason: 'other statements wait for the same tables' };
  return null;
}

/**
 * Does a piece of work that may be done again from its beginning: when the session is lost, in a new one; when too many
 * wait for the same table, later; and where `hopes` has a reason of its own. Throws what it failed with, explained.
 */
export async function persist<T>(
  desk: Desk,
  step: string,
  work: (link: Link) => Promise<T>,
  hopes: (error: Error) => Hope | null = () => null,
): Promise<T> {
  const { signal, waiting } = desk.context;
  let tries = 0;
  const again = async (error: Error): Promise<boolean> => {
    tries += 1;
    const hoped = hope(desk, error) ?? hopes(error);
    if (hoped === null || tries >= hoped.tries) return false;
    const ms = Math.round(Math.random() * Math.min(CAP, BASE * 2 ** tries));
    waiting(ms, hoped.reason);
    await sleep(ms, undefined, { signal });
    return true;
  };
  try {
    return await pRetry(async () => work(await linkOf(desk)), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      shouldRetry: ({ error }) => again(error),
    });
  } catch (error) {
    if (signal.aborted && isAbort(error)) throw error;
    throw explain(error, step, desk.o);
  }
}

const COUNT = /^number of rows (inserted|updated|deleted)$/;

/** How many rows a statement changed, as its answer says; null where it says nothing of it. */
function changedBy(row: Row | undefined): number | null {
  const counts = Object.entries(row ?? {}).filter(([name]) => COUNT.test(name));
  return counts.length === 0 ? null : counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Runs a statement that works on data, and takes note of what it used. */
export async function use(desk: Desk, link: Link, statement: Statement): Promise<Answer> {
  desk.counted += 1;
  const answer = await ask(link, statement);
  if (answer.query_id !== '') desk.used.jobs.push(answer.query_id);
  return answer;
}

/** Runs a statement that changes rows; returns how many. */
export async function change(desk: Desk, link: Link, statement: Statement): Promise<number | null> {
  const { rows } = await use(desk, link, statement);
  const changed = changedBy(rows[0]);
  desk.used.rows += changed ?? 0;
  return changed;
}

/**
 * Does something in one transaction, which `work` may end without effect by returning false. An error leaves a
 * transaction open in Snowflake: it is rolled back, and a session in which that fails is not used again.
 */
export async function inTransaction(link: Link, work: () => Promise<boolean>): Promise<boolean> {
  await ask(link, plain('BEGIN'));
  try {
    const kept = await work();
    await ask(link, plain(kept ? 'COMMIT' : 'ROLLBACK'));
    return kept;
  } catch (error) {
    if (!link.lost) {
      await ask(link, plain('ROLLBACK')).catch(() => {
        link.lost = true;
      });
    }
    throw error;
  }
}

/** What the desk has used, where it has used anything. */
export function usageOf({ used }: Desk): Usage | null {
  if (used.jobs.length === 0) return null;
  return { rows: used.rows, bytes: used.bytes, bytes_billed: 0, slot_ms: 0, jobs: [...used.jobs] };
}

/** Gives the session back. */
export async function leave(desk: Desk): Promise<void> {
  const { link } = desk;
  desk.link = null;
  if (link !== null) await giveLink(desk.o, link);
}

/** The error of a desk that was opened for reading only. */
export function readsOnly(step: string): RollcallError {
  const message = 'this statement does more than read: here SELECT, WITH, SHOW, DESCRIBE, EXPLAIN and LIST are run';
  return new RollcallError('config', message, { step });
}
