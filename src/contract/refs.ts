import type { JsonObject } from './json.ts';
import type { Role } from './user.ts';

/** A group of users as the source lists it. */
export interface Team {
  readonly id: string;
  readonly name: string | null;
  readonly raw: JsonObject;
}

/** A role as the source lists it. */
export interface ListedRole extends Role {
  readonly id: string;
  readonly raw: JsonObject;
}

/** The listings that users refer to, read before the scan. */
export interface Refs {
  readonly roles: ReadonlyMap<string, ListedRole>;
  readonly teams: ReadonlyMap<string, Team>;
  /** Why the credential may not list the teams; absent where it may. Their table stays as it is, and the run says so. */
  readonly withheld?: string;
}
