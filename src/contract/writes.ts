import type { Answer, Request } from './io.ts';
import type { JsonObject } from './json.ts';
import type { Refs } from './refs.ts';

/** What may be done to a user at a source. */
export type WriteOp = 'create' | 'update' | 'delete';

/** Kinds of value: `switch` is true or false; a `secret` is given by reference or on stdin and stored nowhere. */
export type FieldKind = 'text' | 'list' | 'switch' | 'secret';

/** A field that a person may set. */
export interface WriteField {
  readonly name: string;
  readonly kind: FieldKind;
  /** Where a received record holds it; column rules that name this path apply to what is kept of a write. */
  readonly path: string;
  /** What it sets, where two fields set the same and exclude each other. Default: its own name. */
  readonly sets?: string;
  /** Operations that take it. */
  readonly ops: readonly WriteOp[];
  readonly doc: string;
}

/** A field's value as a plan shows it; null: none. */
export type FieldValue = string | boolean | readonly string[] | null;

/** What a write changes: each field's old value and its new one. */
export type Changes = Readonly<Record<string, readonly [FieldValue, FieldValue]>>;

/** What a person wants of one field. A list may be replaced, or (`add`) have values added to it. */
export interface Setting {
  readonly field: string;
  readonly value: string | boolean | readonly string[];
  readonly add: boolean;
}

/** One user to be written. */
export interface Target {
  readonly op: WriteOp;
  /** Null for a user who is to be created. */
  readonly id: string | null;
  /** The user as he was just read; null for one who is to be created. */
  readonly raw: JsonObject | null;
  /** Checked by `change`. */
  readonly settings: readonly Setting[];
  readonly refs: Refs;
}

/** One request of a write. Each is journaled, answered and, where its answer is lost, proven on its own. */
export interface WriteStep {
  /** Fields that it sets; reading them again tells whether it happened. Empty for a deletion. */
  readonly fields: readonly string[];
  /** `call` is `write`. */
  readonly request: Request;
  /** What a good answer has to be; an answer that is not is taken for lost, and the user is read. */
  accepts(answer: Answer): boolean;
}

/** The update operations that a source documents. Pure: what it returns is sent, journaled and proven by the engine. */
export interface Writes {
  readonly ops: readonly WriteOp[];
  readonly fields: readonly WriteField[];
  /**
   * One field as the user has it and as it shall be, both in the words of the setting. Throws BadRecord with the
   * reason when the value is none that this user can have.
   */
  change(setting: Setting, target: Target): readonly [FieldValue, FieldValue];
  /** Requests that make the fields of `changes` so, in order; each of them also on its own a state that may be. */
  steps(target: Target, changes: Changes): readonly WriteStep[];
  /** The user in the answer to a creation. */
  created?(answer: Answer): JsonObject | null;
}

/** How a write ended. `unknown`: its answer was lost, and no read could tell what became of it. */
export type WriteOutcome = 'applied' | 'failed' | 'unknown';

/** One write as it is kept: before it is sent, and with its outcome. Values went through the column rules. */
export interface WriteEntry {
  readonly write_id: string;
  /** Names what was asked for: the same row of a file has the same key. */
  readonly key: string;
  /** Null for a user to be created, until his id is known. */
  readonly user_id: string | null;
  readonly op: WriteOp;
  readonly changes: Changes;
  /** Of a creation: users who had the address already; only another one can be its result. */
  readonly before: readonly string[];
  /** Null until it is known; a process that died leaves it so. */
  readonly outcome: WriteOutcome | null;
  readonly requested_at: string;
  readonly answered_at: string | null;
  /** Who ran it: the user of the operating system and the host. */
  readonly actor: string;
  readonly response_status: number | null;
  readonly error: string | null;
}

/** What becomes known of a write. */
export type WriteResult = Pick<WriteEntry, 'user_id' | 'outcome' | 'answered_at' | 'response_status' | 'error'>;

/** A user who was written to and has to be read again before the tables are true. */
export interface Mark {
  readonly user_id: string;
  /** Grows with every mark, so that one which was renewed meanwhile is not taken away. */
  readonly turn: number;
}

/**
 * The durable journal of a connection's writes, and the marks of users to be read again. Several processes may have
 * it open: the one that writes, and the run that has the connection's lease.
 */
export interface WriteLog {
  /** Durable when it returns; call it before the request is sent. */
  begin(entry: WriteEntry): void;
  /** Records what became of a write and, where the user may have changed, marks him, in one transaction. */
  end(write_id: string, result: WriteResult): void;
  /** Takes an entry back whose request was never sent. */
  drop(write_id: string): void;
  /** Writes of what this key names, newest first. */
  of(key: string): readonly WriteEntry[];
  /** True when a deletion of this user was applied. */
  deleted(user_id: string): boolean;
  /** Writes whose process died before their outcome was known. */
  open(): readonly WriteEntry[];
  /** Ended writes that the warehouse does not have, oldest first. */
  unsent(limit: number): readonly WriteEntry[];
  markSent(write_ids: readonly string[]): void;
  marks(): readonly Mark[];
  /** Takes these marks away, except where they were renewed meanwhile. */
  unmark(marks: readonly Mark[]): void;
  /** Forgets one user. */
  erase(user_id: string): void;
  close(): void;
}
