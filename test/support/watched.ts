import { AsyncLocalStorage } from 'node:async_hooks';
import type { Effects } from '../../src/contract/effects.ts';
import type { Batch, Diffed, Journal, Ledger } from '../../src/contract/journal.ts';
import type { Run } from '../../src/contract/run.ts';
import type { Session, Statement } from '../../src/contract/warehouse.ts';
import type { Trap } from './traps.ts';

/** Told what a run made durable, at the instant it did. */
export interface Witness {
  scanBegun(): void;
  scanEnded(): void;
  stepped(page: Diffed): void;
  missed(count: number, live: number, inactive: number): void;
  sealed(batch: Batch): void;
  committed(batch: Batch): void;
  promoted(batch: Batch, effects: Effects): void;
  rebuilt(): void;
  dropped(): void;
  saved(run: Run): void;
}

/** A witness who looks away. */
export const NOBODY: Witness = {
  scanBegun: () => undefined,
  scanEnded: () => undefined,
  stepped: () => undefined,
  missed: () => undefined,
  sealed: () => undefined,
  committed: () => undefined,
  promoted: () => undefined,
  rebuilt: () => undefined,
  dropped: () => undefined,
  saved: () => undefined,
};

/** A process: what lies in wait for it, who watches it, and what it has in its hands while it lives. */
export interface Process {
  readonly trap: Trap;
  readonly witness: Witness;
  /** Awaited at every instant before and after something that takes time. */
  readonly pause: (point: string) => Promise<void>;
  /** Gives back what the operating system would take from the dead. */
  readonly hands: (() => unknown)[];
}

/** What is being done by whoever asks: several things are under way at once. */
export const doing = new AsyncLocalStorage<string>();

function around<A extends unknown[], T>(
  { trap }: Process,
  name: string,
  work: (...args: A) => T,
  told: (result: T, ...args: A) => void = () => undefined,
): (...args: A) => T {
  return (...args) => {
    trap.hit(`before ${name}`);
    const result = work(...args);
    told(result, ...args);
    trap.hit(`after ${name}`);
    return result;
  };
}

function aroundLater<A extends unknown[], T>(
  p: Process,
  name: string,
  work: (...args: A) => Promise<T>,
  told: (result: T, ...args: A) => void = () => undefined,
): (...args: A) => Promise<T> {
  return async (...args) => {
    p.trap.hit(`before ${name}`);
    await p.pause(`before ${name}`);
    const result = await doing.run(name, () => work(...args));
    told(result, ...args);
    p.trap.hit(`after ${name}`);
    await p.pause(`after ${name}`);
    return result;
  };
}

function watchJournal(p: Process, journal: Journal): Journal {
  const { witness } = p;
  p.hands.push(journal.close);
  const saveRun = around(p, 'saveRun', journal.saveRun, (_, run) => witness.saved(run));
  return {
    ...journal,
    note: around(p, 'note', journal.note),
    beginScan: around(p, 'beginScan', journal.beginScan, witness.scanBegun),
    restartScan: around(p, 'restartScan', journal.restartScan, witness.scanBegun),
    endScan: around(p, 'endScan', journal.endScan, witness.scanEnded),
    step: aroundLater(p, 'step', journal.step, (_, page) => witness.stepped(page)),
    seal: aroundLater(p, 'seal', journal.seal, (batch) => {
      if (batch !== null) witness.sealed(batch);
    }),
    refuse: around(p, 'refuse', journal.refuse),
    promote: aroundLater(p, 'promote', journal.promote, (effects, batch) => witness.promoted(batch, effects)),
    recheck: around(p, 'recheck', journal.recheck),
    noteMissed: around(p, 'noteMissed', journal.noteMissed, (_, nums) =>
      witness.missed(nums.length, journal.facts().live, journal.inactive()),
    ),
    saveRun: (run, sent) => {
      // Within a promotion it is part of one transaction, which has no instants of its own.
      if (doing.getStore() !== 'promote') saveRun(run, sent);
      else {
        journal.saveRun(run, sent);
        witness.saved(run);
      }
    },
    dropPending: around(p, 'dropPending', journal.dropPending, witness.dropped),
    markSent: around(p, 'markSent', journal.markSent),
    markReplayed: around(p, 'markReplayed', journal.markReplayed),
    close: () => {
      if (!p.trap.dead()) journal.close();
    },
  };
}

/** A ledger whose journals are watched. */
export function watchLedger(p: Process, ledger: Ledger): Ledger {
  return {
    open: async () => {
      const opened = await ledger.open();
      return { ...opened, journal: watchJournal(p, opened.journal) };
    },
    copy: ledger.copy,
    writes: ledger.writes,
    unlessWriting: ledger.unlessWriting,
    rebuild: async (rows, start) => {
      p.trap.hit('before rebuild');
      const journal = await ledger.rebuild(rows, start);
      p.witness.rebuilt();
      const watched = watchJournal(p, journal);
      p.trap.hit('after rebuild');
      return watched;
    },
  };
}

/** A warehouse's session, watched. */
export function watchSession(p: Process, session: Session, batchOf: () => Batch | null): Session {
  let open = true;
  const close = async (): Promise<void> => {
    if (open) await session.close();
    open = false;
  };
  p.hands.push(close);
  return {
    ...session,
    run: aroundLater(p, 'run', session.run),
    stage: aroundLater(p, 'stage', session.stage),
    unstage: aroundLater(p, 'unstage', session.unstage),
    transact: aroundLater(p, 'transact', session.transact, (result, script) => {
      const batch = batchOf();
      if (result === 'done' && batch !== null && script.fence.sql.includes(batch.batch_id)) p.witness.committed(batch);
    }),
    read: async function* (query: Statement) {
      p.trap.hit('before read');
      yield* session.read(query);
      p.trap.hit('after read');
    },
    close: async () => {
      if (!p.trap.dead()) await close();
    },
  };
}
