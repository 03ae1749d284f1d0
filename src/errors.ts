/** Who must act, in one word. `retryable` follows from it alone. */
export type ErrorKind =
  | 'config'
  | 'auth'
  | 'permission'
  | 'rate-limited'
  | 'transient'
  | 'bad-data'
  | 'refused'
  | 'busy'
  | 'lost-lease'
  | 'bug';

const RETRYABLE: ReadonlySet<ErrorKind> = new Set(['rate-limited', 'transient', 'busy']);

/** What an error knows beside its message. */
export interface ErrorFacts {
  /** Where it happened: `config`, `list users`, `stage batch 7`. */
  readonly step?: string;
  readonly connection?: string;
  /** Status of the HTTP answer that it came from. */
  readonly status?: number;
  /** How long the server asked to wait, in ms. */
  readonly retryAfterMs?: number;
  /** The server no longer accepts the cursor it was asked for: the scan may start again. */
  readonly cursorRefused?: boolean;
  /** The ledger cannot be read; it is kept aside when it is closed, and the work may begin anew with a new one. */
  readonly ledgerLost?: boolean;
  /** A write was sent and its answer was lost: it may have been applied. Only a read can tell. */
  readonly inDoubt?: boolean;
  readonly cause?: unknown;
}

/**
 * Every error that Rollcall raises on purpose. The message says what happened and what to do next, for a person; it
 * never holds a secret. Anything else that is thrown is a bug and is reported as one.
 */
export class RollcallError extends Error {
  readonly kind: ErrorKind;
  readonly step: string;
  readonly connection: string | undefined;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly cursorRefused: boolean;
  readonly ledgerLost: boolean;
  readonly inDoubt: boolean;

  constructor(kind: ErrorKind, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'RollcallError';
    this.kind = kind;
    this.step = facts.step ?? '';
    this.connection = facts.connection;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.cursorRefused = facts.cursorRefused ?? false;
    this.ledgerLost = facts.ledgerLost ?? false;
    this.inDoubt = facts.inDoubt ?? false;
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.kind);
  }
}

/** A record that cannot be a row of `users`. Caught by the engine, which quarantines the record with this reason. */
export class BadRecord extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BadRecord';
  }
}

/** The same error, knowing its connection and step where it did not yet. Called where those become known. */
export function locate(error: unknown, connection: string, step: string): RollcallError {
  if (error instanceof RollcallError) {
    if (error.connection !== undefined && error.step !== '') return error;
    return new RollcallError(error.kind, error.message, {
      step: error.step === '' ? step : error.step,
      connection: error.connection ?? connection,
      ...(error.status === undefined ? {} : { status: error.status }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      cursorRefused: error.cursorRefused,
      ledgerLost: error.ledgerLost,
      inDoubt: error.inDoubt,
      cause: error.cause ?? error,
    });
  }
  if (error instanceof BadRecord) {
    return new RollcallError(
      'bad-data',
      `${connection}: the API answered with something unexpected: ${error.message}`,
      {
        step,
        connection,
        cause: error,
      },
    );
  }
  return new RollcallError('bug', `unexpected error: ${error instanceof Error ? error.message : String(error)}`, {
    step,
    connection,
    cause: error,
  });
}

/** True for the error of a run that was asked to stop. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR'));
}
