import type { Journal } from '../contract/journal.ts';
import type { Counts } from '../contract/run.ts';
import type { Reader } from '../contract/source.ts';
import type { Deps } from './settings.ts';

/** A run under way: what its body works with and what it fills. */
export interface Following {
  readonly deps: Deps;
  readonly reader: Reader;
  readonly counts: Counts;
  readonly run_id: string;
  readonly journal: Journal;
  readonly kept: { unproven: number; inactive: number };
  readonly warnings: string[];
  /** Writes the run as it is into the ledger. */
  record(): void;
}
