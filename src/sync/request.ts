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
}
