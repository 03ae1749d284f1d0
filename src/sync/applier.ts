import { type ApplyWork, applyBatch, applySealed, FULL, isFull } from './apply.ts';

/** Applies batches one after the other while the listing is read on. */
export interface Applier {
  /** Begins to apply the open batch when it is full; waits first for the one before it. */
  flush(): Promise<void>;
  /** Waits until nothing is being applied. Throws what applying threw. */
  settle(): Promise<void>;
  /** Applies what is left, however little. */
  finish(): Promise<void>;
  /** Waits like `settle`, for whoever has an error of his own already. */
  rest(): Promise<void>;
}

/** One run's applier. `beforeSeal` is awaited before a batch's bytes are fixed, and may add to it. */
export function makeApplier(work: ApplyWork, beforeSeal: () => Promise<void> = async () => undefined): Applier {
  let running: Promise<void> = Promise.resolve();
  const settle = async (): Promise<void> => {
    await running;
  };
  return {
    flush: async () => {
      if (!isFull(work.journal, work.deps.batch ?? FULL, Date.now())) return;
      await running;
      await beforeSeal();
      // Sealed before the next page is read: its lines belong to the batch after this one.
      const batch = await work.journal.seal(work.run_id);
      if (batch === null) return;
      running = applySealed(work, batch);
      // Its failure is met by whoever waits for it next; until then it must not count as unhandled.
      running.catch(() => undefined);
    },
    settle,
    finish: async () => {
      await running;
      await beforeSeal();
      await applyBatch(work);
    },
    rest: async () => {
      await running.catch(() => undefined);
    },
  };
}
