import type { RollcallError } from '../errors.ts';

/** What the retry policy needs to know of a failed attempt. */
export interface TroubleFacts {
  /** In two or three words, for logs and metrics: `status 503`, `connection reset`. */
  readonly reason: string;
  /** How often this may be asked again; 0: never. */
  readonly retries: number;
  /** A rate limit (429): bounded by patience instead of by `retries`. */
  readonly limited?: boolean;
  /** The wait that the server asked for, in ms; null when it did not say. */
  readonly serverMs?: number | null;
  /** What is thrown when it is not asked again. */
  readonly error: RollcallError;
}

/** An attempt that failed in a known way. Never leaves the HTTP layer: `retrying` throws its `error` instead. */
export class Trouble extends Error {
  readonly facts: TroubleFacts;

  constructor(facts: TroubleFacts) {
    super(facts.reason);
    this.name = 'Trouble';
    this.facts = facts;
  }
}

/**
 * A body that is not what was asked for. Thrown where bytes are read, which know neither request nor connection.
 * `final`: asking again would bring the same.
 */
export class BodyProblem extends Error {
  readonly reason: string;
  readonly final: boolean;

  constructor(reason: string, message: string, final = false) {
    super(message);
    this.name = 'BodyProblem';
    this.reason = reason;
    this.final = final;
  }
}
