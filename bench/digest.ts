import { createHash } from 'node:crypto';

/** The facts of a user that the API and the warehouse's table must agree on: id, name, e-mail, presence. */
export type UserFacts = readonly (string | null)[];

/** How many users there are, and one hash over what they are. */
export interface Digest {
  readonly count: number;
  readonly sha256: string;
}

/** Digest of users in any order. A user who is missing, doubled or different changes it. */
export function digest(users: Iterable<UserFacts>): Digest {
  const lines = [...users].map((user) => JSON.stringify(user)).sort();
  const hash = createHash('sha256');
  for (const line of lines) hash.update(line).update('\n');
  return { count: lines.length, sha256: hash.digest('hex') };
}
