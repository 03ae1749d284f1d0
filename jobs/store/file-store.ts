import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { RollcallError } from '../../src/errors.ts';
import { fileBudget } from '../../src/journal/budget-file.ts';
import { explainSqlite, isUnreadable, makeFolder, openPlain, setAside } from '../../src/journal/database.ts';
import type { Store } from './store.ts';

/** Locks within this process: with the embedded queue there is no other worker. */
function processLocks(now: () => number): Pick<Store, 'take' | 'drop'> {
  const held = new Map<string, { holder: string; until: number }>();
  return {
    take: async (lock, holder, ms) => {
      const found = held.get(lock);
      if (found !== undefined && found.holder !== holder && found.until > now()) return found.holder;
      held.set(lock, { holder, until: now() + ms });
      return null;
    },
    drop: async (lock, holder) => {
      if (held.get(lock)?.holder === holder) held.delete(lock);
    },
  };
}

function openFacts(file: string): BetterSqlite3.Database {
  const db = openPlain(file, null, 5000);
  try {
    db.pragma('journal_mode = wal');
    db.exec(
      'create table if not exists facts (kind text not null, name text not null, value text not null, primary key (kind, name))',
    );
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the file; one that cannot be read is kept aside and made anew by a worker, who says what is lost with it. */
function openOrAnew(file: string, warn: ((message: string) => void) | null): BetterSqlite3.Database {
  try {
    return openFacts(file);
  } catch (error) {
    if (!isUnreadable(error)) throw explainSqlite(error, file, null);
    if (warn === null) {
      const message = `${file} is damaged: start \`rollcall worker\` anew, which keeps it aside and makes another one`;
      throw new RollcallError('transient', message, { step: 'open the queue', cause: error });
    }
    const kept = setAside(file);
    warn(
      `${file} could not be read; it is kept as ${kept} and begins anew: connections that were paused are not any more, ` +
        'and alerts may be told once more',
    );
    return openFacts(file);
  }
}

/** How a store in a file is opened. */
interface Opening {
  /** Told of what was lost with a damaged file. Null: a damaged one is left as it is, and is an error. */
  readonly warn: ((message: string) => void) | null;
  readonly now?: () => number;
}

/**
 * The store beside the embedded queue: a file in the state folder, so that commands read and change its facts whether a
 * worker runs or not. Its budgets are those of `rollcall sync`.
 */
export function fileStore(folder: string, { warn, now = () => performance.now() }: Opening): Store {
  makeFolder(folder);
  const db = openOrAnew(join(folder, 'worker.sqlite'), warn);
  const all = db.prepare<[string], { name: string; value: string }>('select name, value from facts where kind = ?');
  const get = db.prepare<[string, string], string>('select value from facts where kind = ? and name = ?').pluck();
  const put = db.prepare('insert or replace into facts (kind, name, value) values (?, ?, ?)');
  const remove = db.prepare('delete from facts where kind = ? and name = ?');
  const swap = db.transaction((kind: string, name: string, from: string | null, to: string): boolean => {
    if ((get.get(kind, name) ?? null) !== from) return false;
    put.run(kind, name, to);
    return true;
  });
  const budget = fileBudget(folder);
  return {
    budget,
    all: async (kind) => new Map(all.all(kind).map(({ name, value }) => [name, value])),
    get: async (kind, name) => get.get(kind, name) ?? null,
    put: async (kind, name, text) => {
      if (text === null) remove.run(kind, name);
      else put.run(kind, name, text);
    },
    swap: async (kind, name, from, to) => swap.immediate(kind, name, from, to),
    ...processLocks(now),
    ping: async () => undefined,
    close: async () => {
      budget.close();
      db.close();
    },
  };
}
