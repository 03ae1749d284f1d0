import type { Json, JsonObject } from './json.ts';

/** The kinds of call that have a request budget of their own. */
export type Call = 'list' | 'get' | 'search' | 'write';

/** One request to a source's API. Paths are relative to the API's base; ids in them are percent-encoded by the source. */
export interface Request {
  readonly call: Call;
  /** Names the budget's bucket and the metric, for example `GET /users/{id}`. */
  readonly endpoint: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: Json;
  /** Statuses that are an answer here, not an error; their body must still be JSON. */
  readonly accept?: readonly number[];
  /** An accepted status is an answer whatever its body is, also a gateway's page: only the status is looked at. */
  readonly anyBody?: true;
}

/** A complete answer, parsed. `body` is null for an empty body only where the status has none (204). */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
}

/** A piece of a listing's answer: at most a page's worth of items; the envelope comes with the last piece. */
export interface Part {
  readonly items: readonly Json[];
  /** The answer's object without its items (an empty object for a bare array); null until the last piece. */
  readonly envelope: JsonObject | null;
  /** False when the answer had no array where the items belong. Meaningful with the envelope. */
  readonly found: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * How a source talks to its API. Made by the HTTP layer for one connection: budgets are spent, short trouble is
 * retried and errors are classified before anything reaches the source.
 */
export interface Io {
  readonly signal: AbortSignal;
  /** Sends one request and reads its whole answer. Throws RollcallError for every status that is not accepted. */
  send(request: Request): Promise<Answer>;
  /**
   * Sends one request and reads the array at `items` (null: the answer itself is the array) in pieces, within flat
   * memory however long it is. Nothing of an answer that fails to parse is passed on as the end of a listing.
   */
  read(request: Request, items: string | null): AsyncIterable<Part>;
}
