import type { Budget } from '../../src/contract/budget.ts';

/** Kinds of fact: who is paused, the last tick of a schedule, the last run, what was told of a connection; and whose schedules are kept. */
export type FactKind = 'paused' | 'tick' | 'run' | 'alert' | 'kept';

/**
 * What workers share beside their jobs, on the queue's own store: request budgets, small facts by connection, and locks
 * that end by themselves when their holder dies. Every call waits while the store is away.
 */
export interface Store {
  /** Request budgets of all workers together. */
  readonly budget: Budget;
  /** All facts of a kind, by connection. */
  all(kind: FactKind): Promise<ReadonlyMap<string, string>>;
  get(kind: FactKind, name: string): Promise<string | null>;
  /** Null forgets the fact. */
  put(kind: FactKind, name: string, text: string | null): Promise<void>;
  /** Changes a fact only while it is as expected; false when somebody else was first. */
  swap(kind: FactKind, name: string, from: string | null, to: string): Promise<boolean>;
  /** Takes a lock, or holds it for longer; null when it is the holder's now, else who has it. */
  take(lock: string, holder: string, ms: number): Promise<string | null>;
  /** Gives a lock back; somebody else's is left alone. */
  drop(lock: string, holder: string): Promise<void>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
