import { randomFrom } from '../src/demo/local/random.ts';
import { makeRoles, makeTeams, makeUser } from '../src/demo/pylon/people.ts';
import type { PylonUser } from '../src/demo/pylon/user.ts';
import { type Digest, digest } from './digest.ts';

/** The one page size that is rendered: the largest that Pylon allows, which is what Rollcall asks for. */
export const PAGE = 999;

/** A version of the listing. The unchanged sync reads `first` once more, under new request ids. */
export type Version = 'first' | 'changed';

/** A version as it is served: bodies up to the request id, and what a table of these users must hold. */
export interface Rendered {
  readonly pages: readonly Buffer[];
  readonly truth: Digest;
}

/** All that the bench's API serves. */
export interface Organization {
  readonly roles: string;
  readonly teams: string;
  readonly versions: Readonly<Record<Version, Rendered>>;
}

/** Of each thousand users, nine are renamed and one is new: 1 % changed, spread over all pages. */
const THOUSAND = 1000;
const isRenamed = (index: number): boolean => (index % THOUSAND) % 111 === 7;
const isFollowedByNew = (index: number): boolean => index % THOUSAND === 500;

/** How many users differ between the two versions of a listing of `users`. */
export function changesAmong(users: number): { updated: number; inserted: number } {
  const indexes = Array.from({ length: users }, (_, index) => index);
  return { updated: indexes.filter(isRenamed).length, inserted: indexes.filter(isFollowedByNew).length };
}

/** The text that comes before the items of every answer, and after them. */
const HEAD = '{"data":[';

function envelope(pagination: { cursor: string; has_next_page: boolean }): string {
  return `],"pagination":${JSON.stringify(pagination)},"request_id":"`;
}

/** An answer of one page, up to the request id. */
function onePage(items: readonly unknown[]): string {
  const records = items.map((item) => JSON.stringify(item)).join(',');
  return `${HEAD}${records}${envelope({ cursor: '', has_next_page: false })}`;
}

/** The cursor of a page, by its number from 0. */
export const cursorOf = (page: number): string => Buffer.from(`page:${page}`).toString('base64url');

function render(users: readonly PylonUser[]): Rendered {
  const pages: Buffer[] = [];
  for (let start = 0; start < users.length; start += PAGE) {
    const records = users.slice(start, start + PAGE).map((user) => JSON.stringify(user));
    const more = start + PAGE < users.length;
    const pagination = { cursor: more ? cursorOf(pages.length + 1) : '', has_next_page: more };
    pages.push(Buffer.from(`${HEAD}${records.join(',')}${envelope(pagination)}`));
  }
  const facts = users.map(({ id, name, email, status }) => [id, name ?? null, email ?? null, status ?? null]);
  return { pages, truth: digest(facts) };
}

/** Makes an organization of ordinary users, the same for the same count. */
export function makeOrganization(count: number): Organization {
  const random = randomFrom(1);
  const roles = makeRoles(random);
  const first = Array.from({ length: count }, (_, index) => makeUser(random, index, roles));
  const changed = first.flatMap((user, index) => {
    if (isRenamed(index)) return [{ ...user, name: `${user.name} Renamed` }];
    return isFollowedByNew(index) ? [user, makeUser(random, count + index, roles)] : [user];
  });
  const teams = makeTeams(random, first).map(({ id, name, members }) => ({
    id,
    name,
    users: members.map((member) => ({ id: member })),
  }));
  return {
    roles: onePage(roles),
    teams: onePage(teams),
    versions: { first: render(first), changed: render(changed) },
  };
}
