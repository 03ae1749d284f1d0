import { hash } from 'node:crypto';
import type { JsonObject } from '../../contract/json.ts';
import { Refusal } from '../local/refusal.ts';
import type { Asked } from '../local/route.ts';
import type { Reply } from '../local/send.ts';
import { allows, type Claims, forbidden, PERMISSIONS } from './tokens.ts';
import { detailedUser, type IdentUser, listedUser, memberRow } from './user.ts';
import type { IdentWorld, Membership } from './world.ts';

const TYPE = { 'content-type': 'application/json; charset=UTF-8' };
const INDENT = 4;

/** A JSON answer, indented as the server does it. */
export function jsonReply(body: unknown, status = 200): Reply {
  return { status, headers: TYPE, body: JSON.stringify(body, null, INDENT) };
}

const GROUP = 500;

/** An array, written in pieces, so that a hundred megabytes are never one text. */
function* arrayText(rows: readonly JsonObject[]): Iterable<string> {
  yield '[';
  for (let at = 0; at < rows.length; at += GROUP) {
    const texts = rows.slice(at, at + GROUP).map((row) => JSON.stringify(row, null, INDENT).replaceAll('\n', '\n    '));
    yield `${at === 0 ? '' : ','}\n    ${texts.join(',\n    ')}`;
  }
  yield rows.length === 0 ? ']' : '\n]';
}

function uuidOf(claims: Claims, kind: string): string | null {
  return claims.sub.startsWith(`${kind}:`) ? claims.sub.slice(kind.length + 1) : null;
}

/** A read that the database breaks off is what it gave until then; nothing of the answer says so. */
function read<T>(world: IdentWorld, rows: readonly T[]): readonly T[] {
  return world.failsAfter === null ? rows : rows.slice(0, world.failsAfter);
}

/** `GET /users`: the whole table in one answer; `email` is an exact address, of users without an application only. */
export function listUsers(world: IdentWorld, claims: Claims, { query }: Asked): Reply {
  const application = uuidOf(claims, 'application');
  if (application === null && !allows(claims, PERMISSIONS.listUsers, PERMISSIONS.sudo)) throw forbidden();
  const email = query.get('email');
  const members = world.application.id === application ? world.application.members : new Set<string>();
  const visible = world.users().filter((user) => application === null || members.has(user.id));
  const wanted =
    email === null
      ? visible
      : visible.filter(
          (user) => application === null && user.application_id === null && user.email === email.toLowerCase(),
        );
  const rows = read(world, wanted);
  const enrich = query.get('enrich') === 'true';
  const shown = rows.map((user) => (enrich ? { ...detailedUser(user, world.zone) } : listedUser(user, world.zone)));
  return { status: 200, headers: TYPE, body: arrayText(shown) };
}

const notFound = (what: string): Refusal => new Refusal({ status: 404, message: `${what} not found` });

/** `GET /users/{id}`: an application's token finds the users who belong to it, which are not those whom it lists. */
export function oneUser(world: IdentWorld, claims: Claims, { id }: Asked): Reply {
  const application = uuidOf(claims, 'application');
  const self = uuidOf(claims, 'user') === id;
  const user = world.failsAfter === null ? world.find(id) : undefined;
  const mine = application === null || user?.application_id === application;
  const may = self || application !== null || allows(claims, PERMISSIONS.listUsers, PERMISSIONS.sudo);
  if (!may) throw forbidden();
  if (user === undefined || !mine) throw notFound('user');
  return jsonReply(detailedUser(user, world.zone));
}

function membershipOf(world: IdentWorld, kind: 'organization' | 'application', id: string): Membership | null {
  return world[kind].id === id ? world[kind] : null;
}

/** `GET /organizations` and `GET /organizations/{id}`. */
export function organizations(world: IdentWorld, { id }: Asked): Reply {
  const show = ({ members, ...rest }: Membership) => ({ ...rest, description: null, users_count: members.size });
  if (id === '')
    return { ...jsonReply([show(world.organization)]), headers: { ...TYPE, 'x-total-results-count': '1' } };
  const found = membershipOf(world, 'organization', id);
  if (found === null) throw notFound('organization');
  return jsonReply(show(found));
}

/** An order that is another one for each page, which is what no order comes to. */
function shuffled(users: readonly IdentUser[], page: number): IdentUser[] {
  const key = (user: IdentUser): string => hash('sha256', `${page} ${user.id}`);
  return users
    .map((user) => ({ user, key: key(user) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ user }) => user);
}

/** By the time of creation; among equals the database chooses anew for each page. */
function byCreation(users: readonly IdentUser[], page: number): IdentUser[] {
  return shuffled(users, page).sort((a, b) => (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0));
}

const number = (text: string | null, otherwise: number): number =>
  text !== null && /^-?\d+$/.test(text) ? Number(text) : otherwise;

/** `GET /organizations/{id}/users` and `GET /applications/{id}/users`: `page`, and `rpp` without a maximum. */
export function listMembers(world: IdentWorld, kind: 'organization' | 'application', { id, query }: Asked): Reply {
  const ids = membershipOf(world, kind, id)?.members ?? new Set<string>();
  const members = world.users().filter((user) => ids.has(user.id));
  const page = number(query.get('page'), 1);
  const rpp = number(query.get('rpp'), 25);
  const ordered = kind === 'organization' ? byCreation(members, page) : shuffled(members, page);
  const asked = rpp < 0 || page < 1 ? ordered : ordered.slice((page - 1) * rpp, page * rpp);
  const rows = read(world, asked);
  const mask = kind === 'organization' ? 0x1f : 0x7;
  const total = world.failsAfter === 0 ? {} : { 'x-total-results-count': String(members.length) };
  const shown = rows.map((user) => memberRow(user, world.zone, { mask, emails: kind === 'organization' }));
  return { status: 200, headers: { ...TYPE, ...total }, body: arrayText(shown) };
}
