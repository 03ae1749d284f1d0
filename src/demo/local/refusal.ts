/** What an error answer says. Not every API has a code in it. */
export interface ErrorFacts {
  readonly status: number;
  readonly message: string;
  readonly code?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the error's body. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Thrown by whatever finds that a request cannot be served; the server answers it with the API's error body. */
export class Refusal extends Error {
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts) {
    super(facts.message);
    this.name = 'Refusal';
    this.facts = facts;
  }
}
