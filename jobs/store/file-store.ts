import { join } from 'node:path';
import { fileBudget } from '../../src/journal/budget-file.ts';
import { makeFolder, openPlain } from '../../src/journal/database.ts';
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

/**
 * The store beside the embedded queue: a file in the state folder, so that commands read and change its facts whether a
 * worker runs or not. Its budgets are those of `rollcall sync`.
 */
export function fileStore(folder: string, now: () => number = () => performance.now()): Store {
  makeFolder(folder);
  const db = openPlain(join(folder, 'worker.sqlite'), null, 5000);
  db.pragma('journal_mode = wal');
  db.exec(
    'create table if not exists facts (kind text not null, name text not null, value text not null, primary key (kind, name))',
  );
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
