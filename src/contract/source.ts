import type { ZodType } from 'zod';
import type { Call, Io, Request } from './io.ts';
import type { Json, JsonObject } from './json.ts';
import type { Refs } from './refs.ts';
import type { UserRecord } from './user.ts';
import type { Writes } from './writes.ts';

export type { ListedRole, Refs, Team } from './refs.ts';

/** What a source says of a user whom its listing did not return. */
export type Absence = 'gone' | 'present' | 'inactive' | 'unknown';

/** An absence, with the record that the lookup returned where it returned one. */
export interface Verdict {
  readonly absence: Absence;
  readonly record?: JsonObject;
}

/** A typed column of the source's own view (`pylon_users`), read from `raw`. */
export interface Field {
  readonly column: string;
  /** Keys from the root of the received record. */
  readonly path: readonly string[];
  readonly type: 'text' | 'boolean' | 'integer' | 'timestamp' | 'json';
  readonly doc: string;
}

/** A piece of the complete listing, in the source's order. */
export interface Chunk {
  readonly records: readonly Json[];
  /** Where to go on after this chunk; null: a crash here reads this answer again. */
  readonly resume: string | null;
  /** Nothing follows: the listing is complete. */
  readonly last: boolean;
  /** Account state that being in this listing implies; null where the records say it themselves or nothing does. */
  readonly active: boolean | null;
  /**
   * The listing says less of its users than another listing of this source does: it does not overwrite the rows of
   * that one, but what changes in it is looked up. Only where the source has a `thinListing`. Default false.
   */
  readonly thin?: boolean;
  /** Records of users whom this scan has already met are left as they were met. Default false. */
  readonly unlessSeen?: boolean;
}

/** The account a credential belongs to; a connection is bound to `id` at its first scan. */
export interface Account {
  readonly id: string;
  readonly name: string | null;
}

/** What a login gave: headers that prove who sends a request, and how long they do, in ms; null: nothing was said. */
export interface Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly lifeMs: number | null;
}

/** How a credential that ends is renewed: shortly before it does, and once for a request that is answered 401. */
export interface Login {
  /** Log in before the first request, for `Api.headers` hold no credential. */
  readonly atOnce: boolean;
  /** Sent with these headers in the place of those of a session. */
  readonly request: Request;
  readonly headers: Readonly<Record<string, string>>;
  /** Reads the answer; null where it is none. */
  session(body: Json): Session | null;
}

/** Where the API is and how a request proves who sends it. */
export interface Api {
  /** Absolute; a path is appended to it. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly login?: Login;
  /** Statuses by which the server shuts this caller out, 429 where it means a ban: nothing is asked again. Default: none. */
  readonly shutOut?: readonly number[];
  /** Longest answer that is read. Default: the HTTP layer's own bound. */
  readonly maxBodyBytes?: number;
  /**
   * The vendor's words in an error body, which is undefined where it is no JSON. `advice` tells the user what to do
   * where the vendor's words do not. `endpoint` is the request's.
   */
  failure(status: number, body: Json | undefined, endpoint: string): Failure;
}

/** What an error body says. Secrets never come in here: bodies are the server's. */
export interface Failure {
  readonly message?: string;
  readonly code?: string;
  readonly request_id?: string;
  readonly advice?: string;
}

/** Which users a lookup is for. */
export type Chosen = { readonly ids: readonly string[] } | { readonly emails: readonly string[] };

/** One connection's view of its source; made by `Source.reader`, used by the engine. */
export interface Reader {
  /** The listing can be cut short without a sign, so that two scans prove nothing. */
  readonly unsignedCut: boolean;
  account(): Promise<Account>;
  refs(): Promise<Refs>;
  /** The complete listing, from its start (null) or from a recorded `resume`. Throws cursorRefused when that is no longer accepted. */
  list(from: string | null): AsyncIterable<Chunk>;
  find(by: Chosen): AsyncIterable<JsonObject>;
  /**
   * Asks for one user whom the listing did not return. `gone` only when the API itself says so in its own words. The
   * engine asks for a listed user too, before and after, and trusts no answer of a server that does not find him.
   */
  absent(id: string): Promise<Verdict>;
}

/** A kind of system that has users. One file in src/sources exports one. */
export interface Source<Options = unknown> {
  readonly name: string;
  /** Version of the mapping below; part of every recipe, so that a new one re-sends rows once. */
  readonly version: number;
  /** The connection's own options, as they stand in the config. Unknown keys are refused. */
  readonly options: ZodType<Options>;
  /** Requests a minute by kind of call: the vendor's lowest published numbers; 0: none published. */
  readonly limits: Readonly<Record<Call, number>>;
  readonly fields: readonly Field[];
  /** Path of the id in a received record. */
  readonly id: string;
  /** Paths that are never stored unless the user's column rules say otherwise. */
  readonly exclude: readonly string[];
  /** Paths of URLs whose query changes without the user having changed. */
  readonly volatile: readonly string[];
  /** A listing says whether an account is on (`Chunk.active`); false where each record says it itself or nothing does. */
  readonly impliesActive: boolean;
  /** Paths of times: the same instant written in another way is no change. Default: none. */
  readonly instants?: readonly string[];
  /**
   * The listing says less of a user than a lookup does. Then a row that a lookup filled is not overwritten by what is
   * listed: where that changed, the user is looked up again. Default false.
   */
  readonly thinListing?: boolean;
  /**
   * There are credentials that list users whom a lookup does not find for them. Then a control that was never found
   * says so of the credential, not of the server's health. Default false.
   */
  readonly blindLookups?: boolean;
  api(options: Options): Api;
  reader(options: Options, io: Io): Reader;
  /** Maps a received record (column rules applied). Throws BadRecord when it cannot be a row. */
  user(raw: JsonObject, refs: Refs, active: boolean | null): UserRecord;
  /** What the mapping takes from `refs` for this record, as text; part of the fingerprint. "" where the record says all. */
  referred(raw: JsonObject, refs: Refs): string;
  /** The update operations that it documents; none where it can only be read. */
  readonly writes?: Writes;
}
