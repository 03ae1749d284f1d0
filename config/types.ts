import type { Dialect } from '../src/contract/dialect.ts';
import type { Call } from '../src/contract/io.ts';
import type { Source } from '../src/contract/source.ts';
import type { Warehouse } from '../src/contract/warehouse.ts';

/** Where the configuration is looked for, and what its references are resolved with. */
export interface LoadRequest {
  /** The file that the user named. Default: `rollcall.yaml`, then `config/rollcall.yaml`, in `cwd`. */
  readonly file?: string;
  readonly cwd: string;
  /** The real environment; it wins over the `.env` beside the file and is not changed. */
  readonly env: NodeJS.ProcessEnv;
}

/** The sources and warehouses that a configuration may name. */
export interface Registries {
  readonly sources: Readonly<Record<string, Source>>;
  readonly warehouses: Readonly<Record<string, Warehouse>>;
}

/** What becomes of the rows of users who are gone. */
export interface Deletes {
  /** `soft`: tombstone; `hard`: remove the row; `ignore`: keep it as it is. */
  readonly mode: 'soft' | 'hard' | 'ignore';
  /** Largest share of the live rows that one scan may miss before it is refused. */
  readonly max_ratio: number;
  /** `lookup`: ask the source for each; `scans`: two complete scans in a row that did not see the user. */
  readonly proof: 'lookup' | 'scans';
  /** More missing users than this are not looked up one by one. */
  readonly lookups: number;
}

/** What of a received record is not stored, or stored as a keyed hash only. Dotted paths of the record. */
export interface ColumnRules {
  readonly exclude: readonly string[];
  readonly hash: readonly string[];
  /** Always there when `hash` names a path. */
  readonly hash_key?: string;
}

/** How much of a scan may be quarantined before something is plainly wrong. */
export interface Quarantine {
  readonly page_ratio: number;
  readonly scan_ratio: number;
  readonly max_record_bytes: number;
}

/** One configured account of a source. */
export interface Connection {
  readonly name: string;
  readonly source: Source;
  /** Parsed by `source.options`. */
  readonly options: unknown;
  /** Five fields, or six with seconds first. Without one the connection runs by hand only. */
  readonly schedule?: string;
  readonly timezone: string;
  /** Requests a minute by kind of call; 0: no budget. */
  readonly limits: Readonly<Record<Call, number>>;
  readonly deletes: Deletes;
  readonly columns: ColumnRules;
  readonly quarantine: Quarantine;
}

/** The whole configuration, checked and frozen. Paths are absolute, references resolved. */
export interface Config {
  /** The file that it was read from. */
  readonly file: string;
  /** The file's folder: relative paths are resolved against it. */
  readonly folder: string;
  readonly warehouse: {
    readonly warehouse: Warehouse;
    /** Parsed by `warehouse.options`. */
    readonly options: unknown;
    /** Of the warehouse with these options. */
    readonly dialect: Dialect;
  };
  readonly state: { readonly dir: string };
  readonly queue: { readonly url: string };
  readonly worker: {
    readonly concurrency: number;
    /** Share of a schedule's interval that starts are spread over. */
    readonly spread: number;
    readonly http: { readonly host: string; readonly port: number } | false;
  };
  readonly alerts: {
    readonly webhook?: string;
    /** In missed intervals. */
    readonly stale_after: number;
  };
  /** In the order of the file. */
  readonly connections: ReadonlyMap<string, Connection>;
  /** Every resolved secret, longest first, for the redaction of logs. */
  readonly secrets: readonly string[];
}
