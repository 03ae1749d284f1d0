/** Those who want the same thing, one after the other in the order of asking. */
export interface Line {
  /** Waits for the turn; the result passes it on. `left` runs in the place of who gives up, when his turn would come. */
  turn(signal: AbortSignal, left?: () => Promise<void>): Promise<() => void>;
  /** How many wait. */
  waiting(): number;
}

/** Rejects when the signal is aborted; the listener goes with the promise. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const over = Promise.withResolvers<never>();
  const abort = (): void => over.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** An empty line. Who leaves it holds up nobody behind him. */
export function makeLine(): Line {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  return {
    waiting: () => waiting,
    turn: async (signal, left = async () => undefined) => {
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = before.then(() => promise);
      waiting += 1;
      try {
        await orAborted(before, signal);
        return resolve;
      } catch (error) {
        void before.then(left).finally(resolve);
        throw error;
      } finally {
        waiting -= 1;
      }
    },
  };
}
