/** Most statements that may wait for one table; the next one is refused. */
const MOST_WAITERS = 20;

interface Lock {
  owner: string;
  readonly waiters: { readonly session: string; go(): void }[];
}

/** Locks of tables: UPDATE, DELETE and MERGE hold them to the end of their transaction, INSERT needs none. */
export interface Locks {
  /** Waits for the table; false where too many wait already. */
  take(table: string, session: string): Promise<boolean>;
  release(session: string): void;
  /** Who holds the table. */
  owner(table: string): string | undefined;
}

export function makeLocks(): Locks {
  const held = new Map<string, Lock>();
  return {
    owner: (table) => held.get(table)?.owner,
    take: async (table, session) => {
      const lock = held.get(table);
      if (lock === undefined) {
        held.set(table, { owner: session, waiters: [] });
        return true;
      }
      if (lock.owner === session) return true;
      if (lock.waiters.length >= MOST_WAITERS) return false;
      await new Promise<void>((resolve) => {
        lock.waiters.push({ session, go: resolve });
      });
      return true;
    },
    release: (session) => {
      for (const [table, lock] of held) {
        const others = lock.waiters.filter((waiter) => waiter.session !== session);
        lock.waiters.splice(0, lock.waiters.length, ...others);
        if (lock.owner !== session) continue;
        const next = lock.waiters.shift();
        if (next === undefined) held.delete(table);
        else lock.owner = next.session;
        next?.go();
      }
    },
  };
}
