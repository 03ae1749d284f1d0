import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Line, makeLine } from './line.ts';
import type { Store } from './store/store.ts';

/** A lock outlives a killed holder by so long, in ms. */
export const LOCK_MS = 15_000;
/** How often a lock that is taken is asked for again. */
const POLL_MS = 100;

/** A lock that is held, renewed until it is released. */
export interface Held {
  /** Aborted when the lock went to somebody else: its store lost it, or this process slept too long. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Locks in the queue's store. */
export interface Locks {
  /** Takes a lock at once, or says who has it. `owner` is the part of the holder's name that outlives its process. */
  tryTake(lock: string, owner: string): Promise<Held | { readonly heldBy: string }>;
  /** Waits for a lock; within this process in the order of asking. Rejects when the signal is aborted. */
  take(lock: string, owner: string, signal: AbortSignal): Promise<Held>;
}

/** The part of a holder's name that says who it is, without what makes it unique. */
export const ownerOf = (holder: string): string => holder.slice(0, holder.lastIndexOf(' '));

function renewed(store: Store, lock: string, holder: string): Held {
  const lost = new AbortController();
  const timer = setInterval(() => {
    store.take(lock, holder, LOCK_MS).then(
      (other) => {
        if (other !== null) lost.abort();
      },
      // The store is away: whoever could take the lock meanwhile cannot reach it either. The next turn tells.
      () => undefined,
    );
  }, LOCK_MS / 3);
  timer.unref();
  return {
    lost: lost.signal,
    release: async () => {
      clearInterval(timer);
      await store.drop(lock, holder);
    },
  };
}

/** Locks of one process. */
export function makeLocks(store: Store): Locks {
  const lines = new Map<string, Line>();
  const tryTake: Locks['tryTake'] = async (lock, owner) => {
    const holder = `${owner} ${randomUUID()}`;
    const other = await store.take(lock, holder, LOCK_MS);
    return other === null ? renewed(store, lock, holder) : { heldBy: other };
  };
  return {
    tryTake,
    take: async (lock, owner, signal) => {
      const line = lines.get(lock) ?? makeLine();
      lines.set(lock, line);
      const pass = await line.turn(signal);
      try {
        for (;;) {
          signal.throwIfAborted();
          const found = await tryTake(lock, owner);
          if ('release' in found) {
            const release = async (): Promise<void> => {
              try {
                await found.release();
              } finally {
                pass();
              }
            };
            return { lost: found.lost, release };
          }
          // Not all at the same beat.
          await sleep(POLL_MS * (0.5 + Math.random()), undefined, { signal });
        }
      } catch (error) {
        pass();
        throw error;
      }
    },
  };
}
