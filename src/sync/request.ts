import type { RunKind, Trigger } from '../contract/run.ts';
import type { Chosen } from '../contract/source.ts';

/**
 * What is asked of a run. `chosen` goes with resync, and only with it: users, the quarantined records (`rejected`), or
 * the users who were written to (`marked`).
 */
export interface RunRequest {
  readonly kind: RunKind;
  readonly trigger: Trigger;
  readonly scheduled_at: string | null;
  /** Lets this run's sweep delete more than the ratio allows. */
  readonly allowDeletes: boolean;
  readonly chosen?: Chosen | 'rejected' | 'marked';
  /**
   * Told how long a server wants to be left alone (ms, null where it did not say), by whoever asks again when that is
   * over. The run is then `interrupted`; for others it has failed.
   */
  readonly parks?: (ms: number | null) => void;
}
