import { z } from 'zod';
import type { Io, Request } from '../contract/io.ts';
import { isObject, type Json, type JsonObject } from '../contract/json.ts';
import type { Account, Api, Chunk, Failure, Reader, Refs, Source } from '../contract/source.ts';
import type { Role, UserRecord } from '../contract/user.ts';
import { BadRecord } from '../errors.ts';
import { sendDespite400 } from '../http/despite.ts';
import { type OffsetPlan, offsetPages } from '../http/offset-pages.ts';
import { apiBase } from './base.ts';
import { bluebricksWrites } from './bluebricks-writes.ts';
import { findWithoutSearch, type Lookup, presence } from './lookup.ts';
import { idOf, instant, joinable, role, text, texts, unlessBad } from './record.ts';

const options = z.strictObject({
  token: z.string().min(1).meta({ secret: true }).describe('API key of the organization (bbx_…), or a JWT'),
  base_url: z.url().default('https://api.bluebricks.co').describe('Address of the API, when it is another one'),
});

type Options = z.infer<typeof options>;

const PLAN: OffsetPlan = {
  request: (offset, limit): Request => ({
    call: 'list',
    endpoint: 'GET /organization/members',
    path: '/organization/members',
    query: { limit: limit ?? undefined, offset },
  }),
  limit: 100,
  overlap: 5,
  volatile: ['picture'],
};

async function* list(io: Io, from: string | null): AsyncIterable<Chunk> {
  for await (const { items, next } of offsetPages(io, PLAN, from)) {
    yield { records: items, resume: next, last: next === null, active: null };
  }
}

const WORDED = ['message', 'error', 'errors', 'detail', 'title', 'code'];

/** Words of an error body, whose form is not published: the members that APIs of this kind use, one in the other. */
function wordsIn(body: Json | undefined): string[] {
  if (typeof body === 'string') return [body];
  if (Array.isArray(body)) return body.flatMap(wordsIn);
  return isObject(body) ? WORDED.flatMap((member) => wordsIn(body[member])) : [];
}

const words = (body: Json | undefined): string => (isObject(body) ? wordsIn(body).join('; ') : '');

/** The API's own "not found" is about a user; a gateway's is about a route. */
function saysNotFound(body: Json): boolean {
  const said = words(body);
  return (
    /not.?found|no such|does not exist|unknown/iu.test(said) &&
    !/\b(?:route|path|url|cannot get|endpoint)\b/iu.test(said)
  );
}

const ONE: Lookup = {
  endpoint: 'GET /user/{id}',
  path: '/user',
  user: (body) => body,
  missing: saysNotFound,
};

/** The organization; a credential that may not read it is known by the user whom it belongs to. */
async function account(io: Io): Promise<Account> {
  const organization: Request = { call: 'get', endpoint: 'GET /organization', path: '/organization' };
  const { status, body } = await sendDespite400(io, { ...organization, accept: [403, 404], anyBody: true });
  if (status < 300 && isObject(body)) return { id: idOf(body, 'id'), name: text(body, 'display_name') };
  const me = await sendDespite400(io, { call: 'get', endpoint: 'GET /user/me', path: '/user/me' });
  const user = isObject(me.body) ? me.body : {};
  return { id: idOf(user, 'id'), name: text(user, 'name') };
}

async function refs(io: Io): Promise<Refs> {
  const path = '/organization/roles';
  const { body } = await sendDespite400(io, { call: 'get', endpoint: `GET ${path}`, path });
  if (!Array.isArray(body)) throw new BadRecord('the roles are not a list');
  // One without an id can be no row, and is no reason to load nobody.
  const roles = body
    .filter((item) => isObject(item))
    .map((raw) => unlessBad(() => ({ ...role(raw), id: idOf(raw, 'id'), raw })))
    .filter((listed) => listed !== null);
  return { roles: new Map(roles.map((listed) => [listed.id, listed])), teams: new Map() };
}

const SCOPES = 'Give the key the scopes read:users (for members and users) and read:organization (for roles)';
const WRITE_SCOPE = 'Give the key the scope update:users';

function failure(status: number, body: Json | undefined, endpoint: string): Failure {
  const message = words(body);
  return {
    ...(message === '' ? {} : { message }),
    ...(status === 401 ? { advice: 'Check the API key: it may be wrong, expired or deleted in Bluebricks' } : {}),
    ...(status === 403 ? { advice: endpoint.startsWith('POST ') ? WRITE_SCOPE : SCOPES } : {}),
  };
}

/** Records carry their roles whole; of an id alone the roles listing tells the rest. */
function roles(raw: JsonObject, known: Refs): Role[] {
  const given = raw.roles;
  if (given === undefined || given === null || given === '') return [];
  if (!Array.isArray(given)) throw new BadRecord('roles: expected a list');
  return given
    .filter((one) => one !== null)
    .map((one) => {
      const { id, name, slug } = isObject(one) ? role(one) : { id: text({ one }, 'one'), name: null, slug: null };
      const listed = id === null ? undefined : known.roles.get(id);
      return { id, name: name ?? listed?.name ?? null, slug: slug ?? listed?.slug ?? null };
    });
}

function user(raw: JsonObject, known: Refs): UserRecord {
  return {
    user_id: idOf(raw, 'id'),
    email: joinable(text(raw, 'email')),
    emails: texts(raw, 'email'),
    name: text(raw, 'name'),
    first_name: text(raw, 'first_name'),
    last_name: text(raw, 'last_name'),
    roles: roles(raw, known),
    active: null,
    availability: null,
    avatar_url: text(raw, 'picture'),
    created_at: instant(raw, 'created_at'),
    updated_at: null,
  };
}

/** True where a role in the record says less than the roles listing. */
const half = (one: Json): boolean => !isObject(one) || text(one, 'name') === null;

/**
 * Bluebricks, https://bluebricks.co/docs/api/reference. There is no "changed since", so each scan reads all members.
 * 429 is documented everywhere, with no number: there is no budget unless one is set.
 */
export const bluebricks: Source<Options> = {
  name: 'bluebricks',
  version: 1,
  options,
  limits: { list: 0, get: 0, search: 0, write: 0 },
  fields: [{ column: 'nickname', path: ['nickname'], type: 'text', doc: 'What the user is called for short' }],
  id: 'id',
  exclude: ['pylonEmailHash'],
  volatile: ['picture'],
  instants: ['created_at'],
  impliesActive: false,
  api: (o): Api => ({
    base: apiBase(o.base_url, '/api/v1'),
    headers: { authorization: `Bearer ${o.token}` },
    failure,
  }),
  reader: (_options, io): Reader => ({
    unsignedCut: false,
    account: () => account(io),
    refs: () => refs(io),
    list: (from) => list(io, from),
    find: (by) => findWithoutSearch(io, by, { how: ONE, list: () => list(io, null) }),
    absent: (id) => presence(io, ONE, id),
  }),
  user,
  referred: (raw, known) => (Array.isArray(raw.roles) && raw.roles.some(half) ? JSON.stringify(roles(raw, known)) : ''),
  writes: bluebricksWrites,
};
