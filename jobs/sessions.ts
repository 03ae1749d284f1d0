import { setTimeout as sleep } from 'node:timers/promises';
import type { Access, ReadOptions, Row, Session, Statement, Warehouse } from '../src/contract/warehouse.ts';
import { makeLine } from './line.ts';
import type { Held, Locks } from './locks.ts';

/** A session is handed on for so long, in ms; then the file is closed for others to have their turn. */
const HOLD_MS = 1000;
/** How long it is closed then, in ms: longer than a reader waits before it tries again. */
const GAP_MS = 120;

/** Told of a wait that is over. */
type Waited = (ms: number, reason: string) => void;

/** What sessions are opened with. */
export interface SessionParts {
  readonly warehouse: Warehouse;
  readonly locks: Locks;
  /** Who holds the lock, for others. */
  readonly owner: string;
  open(access: Access, signal: AbortSignal, waited: Waited): Promise<Session | null>;
}

/** The warehouse of one worker. */
export interface Sessions {
  /** Opens it under the lock of all workers; null for `read` when it is not there yet. */
  open(access: Access, signal: AbortSignal, waited: Waited): Promise<Session | null>;
}

/** An open session and the lock it is open under. */
interface Opened {
  readonly session: Session;
  readonly held: Held;
  readonly access: Access;
  readonly since: number;
  /** A statement failed in it: nobody else should have it. */
  tainted: boolean;
}

async function openNew(
  parts: SessionParts,
  access: Access,
  signal: AbortSignal,
  waited: Waited,
): Promise<Opened | null> {
  const begun = performance.now();
  const held = await parts.locks.take('apply', parts.owner, signal);
  const ms = performance.now() - begun;
  if (ms > 1) waited(ms, 'apply');
  try {
    const session = await parts.open(access, signal, waited);
    if (session !== null) return { session, held, access, since: performance.now(), tainted: false };
    await held.release();
    return null;
  } catch (error) {
    await held.release();
    throw error;
  }
}

async function closeNow({ session, held }: Opened): Promise<void> {
  try {
    await session.close();
  } finally {
    await held.release();
  }
}

/** The same session for one user of it: counted from here on, and looked after. */
function lent(opened: Opened, close: () => Promise<void>): Session {
  const { session } = opened;
  const before = session.statements();
  const watched = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      opened.tainted = true;
      throw error;
    }
  };
  const read = async function* (query: Statement, options?: ReadOptions): AsyncIterable<Row> {
    try {
      yield* session.read(query, options);
    } catch (error) {
      opened.tainted = true;
      throw error;
    }
  };
  return {
    ...session,
    identity: (connection) => watched(session.identity(connection)),
    run: (statements) => watched(session.run(statements)),
    stage: (file, signal) => watched(session.stage(file, signal)),
    unstage: (staging) => watched(session.unstage(staging)),
    transact: (script, signal) => watched(session.transact(script, signal)),
    read,
    statements: () => session.statements() - before,
    close,
  };
}

/**
 * A warehouse that bears one session in a process: those who wait in line are handed the open one, because opening and
 * closing the file is most of the work of a small batch. It is closed as soon as nobody waits.
 */
function handedOn(parts: SessionParts): Sessions {
  const line = makeLine();
  let idle: Opened | null = null;

  /** What the one before left open, if it is of use; else it is closed. */
  const take = async (access: Access): Promise<Opened | null> => {
    const found = idle;
    idle = null;
    if (found === null || found.access === 'write' || access === 'read') return found;
    await closeNow(found);
    return null;
  };
  const leave = async (opened: Opened, pass: () => void): Promise<void> => {
    const more = line.waiting() > 0;
    const fresh = performance.now() - opened.since < HOLD_MS;
    if (more && fresh && !opened.tainted) {
      idle = opened;
      pass();
      return;
    }
    try {
      await closeNow(opened);
      if (more) await sleep(GAP_MS);
    } finally {
      pass();
    }
  };
  // Whoever left the line may have been the one it was kept open for.
  const nobodyCame = async (): Promise<void> => {
    const found = idle;
    if (found === null || line.waiting() > 0) return;
    idle = null;
    // Whoever used it has his answer. What keeps it from closing well is met, and told, by whoever opens it next.
    await closeNow(found).catch(() => undefined);
  };
  return {
    open: async (access, signal, waited) => {
      const pass = await line.turn(signal, nobodyCame);
      try {
        const left = await take(access);
        // With others behind, a session that all of them can use.
        const wanted = line.waiting() > 0 ? 'write' : access;
        const opened = left ?? (await openNew(parts, wanted, signal, waited));
        if (opened !== null) return lent(opened, () => leave(opened, pass));
        pass();
        return null;
      } catch (error) {
        pass();
        throw error;
      }
    },
  };
}

/** The sessions of a worker: one apply at a time over all of them, reading beside it where the warehouse bears that. */
export function makeSessions(parts: SessionParts): Sessions {
  if (parts.warehouse.oneSession === true) return handedOn(parts);
  return {
    open: async (access, signal, waited) => {
      if (access === 'read') return parts.open(access, signal, waited);
      const opened = await openNew(parts, access, signal, waited);
      return opened === null ? null : { ...opened.session, close: () => closeNow(opened) };
    },
  };
}
