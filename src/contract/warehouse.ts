import type { ZodType } from 'zod';
import type { ColumnType, Dialect } from './dialect.ts';
import type { Usage } from './run.ts';

/** A value bound to a `?`. Times travel as text. */
export type Param = string | number | boolean | null;

/** One SQL statement with positional parameters. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly Param[];
  /** It makes what lasts, and what is there already it leaves as it is: a session that has run it need not run it again. */
  readonly lasting?: true;
  /** It only adds those columns to a table that are missing: a warehouse that sees for free that none is may leave it out. */
  readonly adds?: {
    readonly table: string;
    readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
  };
}

/** One transaction: the fence must change exactly one row, else nothing of it happens. */
export interface Script {
  /** Names what it does, in letters, digits, `-` and `_`: a retry finds its own work by it, and the warehouse's history shows it. */
  readonly id: string;
  readonly fence: Statement;
  readonly steps: readonly Statement[];
}

/** A row as read: JSON columns parsed, integers as number or (beyond 2^53) text, times as RFC 3339 text with Z. */
export type Row = Readonly<Record<string, unknown>>;

/** What the warehouse knows of a connection, seen from metadata alone, without cost. */
export interface TableIdentity {
  /** Changes when a table is dropped and made again; compared with what the ledger remembers. */
  readonly tables: string;
  /** Live rows of the connection in `users`, or rows of all connections where metadata tells no more; null where nothing does. */
  readonly rows: number | null;
  /** `rows` counts the connection's rows alone, so that too many tell as much as too few. Default false. */
  readonly own?: boolean;
  /** Names of our views and, as `table.column`, of our columns that are there: what is missing is made again. Absent where a look is not free. */
  readonly layout?: readonly string[];
  /** Of `user_changes`, `sync_runs`, `roles`, `teams` and `rejected_records`, those without a row of the connection (or of anybody, where metadata tells no more). */
  readonly empty?: readonly string[];
  /** The connection's row of `rollcall_state`; null when there is none. Undefined where reading it is not free. */
  readonly state?: StateRow | null;
}

/** A connection's row of `rollcall_state`. */
export interface StateRow {
  readonly epoch: string;
  readonly seq: number;
  readonly batch_id: string;
  readonly recipe: string;
  readonly account: string;
  readonly updated_at: string;
}

/** A sealed batch as the warehouse needs it. */
export interface SealedFile {
  /** `<epoch>-<seq>-<sha256 of the bytes, 16 hex>`; staging names and job ids come from it. */
  readonly batch_id: string;
  /** NDJSON, one staged row a line, every value text or null (columns: STAGING_COLUMNS of src/sql). */
  readonly path: string;
  readonly lines: number;
  readonly bytes: number;
  /** Bytes of the longest line. */
  readonly longest: number;
}

/** An open connection to one warehouse. Used by the engine, one call at a time, closed by who opened it. */
export interface Session {
  /** Metadata only, unbilled. Null when the tables are not there yet. */
  identity(connection: string): Promise<TableIdentity | null>;
  /** Runs statements that are not counted, in order: making tables and views, and rows about runs. */
  run(statements: readonly Statement[]): Promise<void>;
  /**
   * Loads the file into a staging table that is replaced if it is there; returns its quoted name. Tables of earlier batches
   * of the same epoch, which a killed process has left, may be dropped: a ledger has one batch under way at a time.
   */
  stage(file: SealedFile, signal: AbortSignal): Promise<string>;
  /** Drops what `stage` made; a staging table that is gone is no error. */
  unstage(staging: string): Promise<void>;
  /** Runs one transaction. `fenced`: the fence did not change one row, and nothing was done. */
  transact(script: Script, signal: AbortSignal): Promise<'done' | 'fenced'>;
  /** Rows as they arrive. */
  read(query: Statement, options?: ReadOptions): AsyncIterable<Row>;
  /** What a query would read, without running it; throws `config` where it does more than read. Absent where reading is free. */
  estimate?(query: Statement): Promise<Estimate>;
  /** Statements so far that loaded, changed or scanned data. */
  statements(): number;
  /** What was used so far, where the warehouse bills by use; null or absent where there is nothing to report. */
  usage?(): Usage | null;
  /** Makes sure that nothing of deleted rows is left in the warehouse's own files; absent where Rollcall has no say in that. */
  scrub?(): Promise<void>;
  close(): Promise<void>;
}

/** What else is said of a query. */
export interface ReadOptions {
  /** A query that would be charged for more bytes fails before it costs anything. */
  readonly maxBytes?: number;
  /** Told the names of the columns, as rows have them, before the first row; also where there is none. */
  readonly columns?: (names: readonly string[]) => void;
}

/** What a query will cost as far as the warehouse can tell before it runs; null where it cannot. */
export interface Estimate {
  readonly bytes: number | null;
  /** The same in words, with what it costs. */
  readonly text: string;
}

/** When a batch is full: lines, bytes, or ms since its first line. */
export interface BatchLimits {
  readonly lines: number;
  readonly bytes: number;
  readonly age: number;
}

/** What a session is opened for: reading beside others, or writing. */
export type Access = 'read' | 'write';

/** What a warehouse is told when it is opened. */
export interface OpenContext {
  /** Folder that Rollcall may write temporary files to. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Called before a wait for a lock or a busy warehouse. */
  readonly waiting: (ms: number, reason: string) => void;
}

/** A kind of warehouse. One file in src/warehouses exports one. */
export interface Warehouse<Options = unknown> {
  readonly name: string;
  readonly options: ZodType<Options>;
  /** How these options' warehouse writes SQL; tables are qualified by what the options name. */
  dialect(options: Options): Dialect;
  /** A small write costs nothing, so that the row of an unchanged run is written at once. */
  readonly freeWrites: boolean;
  /** Only one session at a time may be open in a process, reading ones included. Default false. */
  readonly oneSession?: boolean;
  /** Of two transactions that insert into the same table at the same time, one is turned away. */
  readonly insertsConflict: boolean;
  /** When a batch is full, where the engine's own limits would cost too much: some warehouses charge for each batch. */
  readonly batch?: BatchLimits;
  /** Null for `read` when there is nothing to read yet. */
  open(options: Options, access: Access, context: OpenContext): Promise<Session | null>;
  /**
   * Tries everything that a sync needs and says what it found, a sentence each; throws what is wrong, and what to do.
   * Absent where opening for writing tells it all.
   */
  check?(options: Options, context: OpenContext): Promise<readonly string[]>;
  /**
   * Lines for an admin to run that give Rollcall what it needs and no more. Null options: the config names no such
   * warehouse, words to replace stand in. Absent where nothing is granted.
   */
  grants?(options: Options | null): readonly string[];
}
