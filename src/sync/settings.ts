import type { Dialect } from '../contract/dialect.ts';
import type { Ledger } from '../contract/journal.ts';
import type { Counts, Observer } from '../contract/run.ts';
import type { Reader, Source } from '../contract/source.ts';
import type { Access, BatchLimits, Session, Warehouse } from '../contract/warehouse.ts';

/** A connection as the engine needs it; the checked config has more. */
export interface Settings {
  readonly name: string;
  readonly source: Source;
  readonly deletes: {
    readonly mode: 'soft' | 'hard' | 'ignore';
    readonly max_ratio: number;
    readonly proof: 'lookup' | 'scans';
    readonly lookups: number;
  };
  readonly columns: {
    readonly exclude: readonly string[];
    readonly hash: readonly string[];
    readonly hash_key?: string | undefined;
  };
  readonly quarantine: {
    readonly page_ratio: number;
    readonly scan_ratio: number;
    readonly max_record_bytes: number;
  };
}

/** What a run works with. Made by whoever starts it (a command, a worker), for one connection. */
export interface Deps {
  readonly settings: Settings;
  /** What the engine must know of the warehouse that it writes to. */
  readonly warehouse: Pick<Warehouse, 'freeWrites' | 'insertsConflict'> & { readonly dialect: Dialect };
  readonly ledger: Ledger;
  readonly observer: Observer;
  /** Asks the run to stop: the page in hand is finished and recorded. */
  readonly signal: AbortSignal;
  /** A reader whose requests, retries and waits are counted in `counts`. */
  connect(counts: Counts): { reader: Reader; close(): void };
  /** When a batch is full; the engine's own limits where none are given. */
  readonly batch?: BatchLimits;
  /** Null for `read` when the warehouse is not there yet. The caller closes it. */
  open(access: Access): Promise<Session | null>;
  /** Takes the connection's lease; the result gives it back. Throws `busy`. */
  lease(): Promise<() => void>;
}
