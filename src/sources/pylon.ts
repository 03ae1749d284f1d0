import { z } from 'zod';
import type { Io, Request } from '../contract/io.ts';
import { isObject, type Json, type JsonObject } from '../contract/json.ts';
import type { Account, Api, Chosen, Chunk, Failure, Reader, Refs, Source, Verdict } from '../contract/source.ts';
import type { Role, UserRecord } from '../contract/user.ts';
import { RollcallError } from '../errors.ts';
import { cursorPages, type PagePlan } from '../http/pages.ts';
import { type Lookup, lookUp, lookUpEach } from './lookup.ts';
import { emailFilters, PAGE_LIMIT, searchRequest } from './pylon-search.ts';
import { pylonWrites } from './pylon-writes.ts';
import { idOf, joinable, object, role, text, texts, unlessBad } from './record.ts';
import { teamsOr } from './teams.ts';

const HOSTS = { us: 'https://api.usepylon.com', eu: 'https://api.eu.usepylon.com' } as const;

const options = z.strictObject({
  token: z.string().min(1).meta({ secret: true }).describe('API token, made by an Admin in Pylon'),
  region: z.enum(['us', 'eu']).default('us').describe('Where the organization lives; a token works in its region only'),
  base_url: z.url().optional().describe('Address of the API, when it is neither region'),
  include_deactivated: z.boolean().default(false).describe('Load deactivated users too, with active false'),
});

type Options = z.infer<typeof options>;

/** The pagination object is optional in every envelope; when it is missing, the listing is complete. */
function more(envelope: JsonObject): { more: boolean | null; cursor: string | null } {
  const pagination = isObject(envelope.pagination) ? envelope.pagination : {};
  const cursor = typeof pagination.cursor === 'string' && pagination.cursor !== '' ? pagination.cursor : null;
  const next = pagination.has_next_page ?? false;
  return { more: typeof next === 'boolean' ? next : null, cursor };
}

function usersPlan(limit: number | undefined, deactivated: boolean): PagePlan {
  const query = { limit, include_deactivated: deactivated ? true : undefined };
  return {
    request: (cursor): Request => ({
      call: 'list',
      endpoint: 'GET /users',
      path: '/users',
      query: { ...query, cursor: cursor ?? undefined },
    }),
    items: 'data',
    more,
  };
}

/** Paging parameters are undocumented for this endpoint: a 400 that rejects them is answered by asking once without. */
async function* userPages(io: Io, from: string | null, deactivated: boolean) {
  let answered = false;
  try {
    for await (const page of cursorPages(io, usersPlan(PAGE_LIMIT, deactivated), from)) {
      answered = true;
      yield page;
    }
  } catch (error) {
    if (answered || !(error instanceof RollcallError) || error.status !== 400) throw error;
    yield* cursorPages(io, usersPlan(undefined, deactivated), from);
  }
}

/** A place in the listing: which of the two listings, and the cursor in it. */
const place = (deactivated: boolean, cursor: string): string => `${deactivated ? 'all' : 'active'}:${cursor}`;

async function* list(io: Io, both: boolean, from: string | null): AsyncIterable<Chunk> {
  const second = from?.startsWith('all:') ?? false;
  const cursor = from?.slice(from.indexOf(':') + 1) ?? '';
  const start = cursor === '' ? null : cursor;
  if (!second) {
    for await (const page of userPages(io, start, false)) {
      const resume = page.next === null ? (page.last && both ? place(true, '') : null) : place(false, page.next);
      yield { records: page.items, resume, last: page.last && !both, active: true };
    }
  }
  if (!both) return;
  for await (const page of userPages(io, second ? start : null, true)) {
    const resume = page.next === null ? null : place(true, page.next);
    yield { records: page.items, resume, last: page.last, active: false, unlessSeen: true };
  }
}

/** Roles, teams and the answers to one search fill a few pages. */
const MOST_PAGES = 200;

async function listing(io: Io, path: string): Promise<JsonObject[]> {
  const plan: PagePlan = {
    request: (cursor) => ({ call: 'get', endpoint: `GET ${path}`, path, query: { cursor: cursor ?? undefined } }),
    items: 'data',
    most: MOST_PAGES,
    more,
  };
  const found: JsonObject[] = [];
  for await (const page of cursorPages(io, plan, null)) found.push(...page.items.filter((item) => isObject(item)));
  return found;
}

/** What is listed, by id. What has none can be no row, and is no reason to load nobody. */
function named<T extends { id: string }>(items: readonly JsonObject[], read: (raw: JsonObject) => T): Map<string, T> {
  const whole = items.map((raw) => unlessBad(() => read(raw))).filter((item) => item !== null);
  return new Map(whole.map((item) => [item.id, item]));
}

async function refs(io: Io): Promise<Refs> {
  const roles = await listing(io, '/user-roles');
  const teams = await teamsOr(async () =>
    named(await listing(io, '/teams'), (raw) => ({ id: idOf(raw, 'id'), name: text(raw, 'name'), raw })),
  );
  return { roles: named(roles, (raw) => ({ ...role(raw), id: idOf(raw, 'id'), raw })), ...teams };
}

const ONE: Lookup = {
  endpoint: 'GET /users/{id}',
  path: '/users',
  user: (body) => body.data,
  missing: (body) => Array.isArray(body.errors),
};

async function* find(io: Io, by: Chosen): AsyncIterable<JsonObject> {
  if ('ids' in by) {
    yield* lookUpEach(io, ONE, by.ids);
    return;
  }
  for (const filter of emailFilters(by.emails)) {
    const plan: PagePlan = {
      request: (cursor) => searchRequest(filter, PAGE_LIMIT, cursor),
      items: 'data',
      most: MOST_PAGES,
      more,
    };
    for await (const page of cursorPages(io, plan, null)) yield* page.items.filter((item) => isObject(item));
  }
}

/** Pylon leaves deactivated users out of the plain listing and still finds them by id. */
async function absent(io: Io, both: boolean, id: string): Promise<Verdict> {
  const record = await lookUp(io, ONE, id);
  if (record === null) return { absence: 'gone' };
  return { absence: both ? 'present' : 'inactive', record };
}

async function account(io: Io): Promise<Account> {
  const answer = await io.send({ call: 'get', endpoint: 'GET /me', path: '/me' });
  const me = isObject(answer.body) && isObject(answer.body.data) ? answer.body.data : {};
  return { id: idOf(me, 'id'), name: text(me, 'name') };
}

const ADVICE: Readonly<Record<string, string>> = {
  wrong_region_token: 'The token belongs to the other region: set `region: us` or `region: eu` to match it',
  invalid_api_token: 'Make a new API token in Pylon as an Admin and update the secret',
  invalid_authorization_header: 'Check that the secret holds the token alone, without "Bearer" or quotes',
  permission_denied: 'Give the token the rights of an Admin',
};

function failure(_status: number, body: Json | undefined): Failure {
  if (!isObject(body)) return {};
  const words = Array.isArray(body.errors) ? body.errors.filter((e) => typeof e === 'string').join('; ') : '';
  const code = typeof body.code === 'string' ? body.code : undefined;
  const advice = code === undefined ? undefined : ADVICE[code];
  return {
    ...(words === '' ? {} : { message: words }),
    ...(code === undefined ? {} : { code }),
    ...(typeof body.request_id === 'string' ? { request_id: body.request_id } : {}),
    ...(advice === undefined ? {} : { advice }),
  };
}

const NO_ROLE: Role = { id: null, name: null, slug: null };

/** Newer answers carry the role whole; of others, and of one that comes half, the roles listing tells the rest. */
function roles(raw: JsonObject, known: Refs): Role[] {
  const whole = object(raw, 'role');
  const given = whole === null ? NO_ROLE : role(whole);
  const id = given.id ?? text(raw, 'role_id');
  if (id === null && given.name === null && given.slug === null) return [];
  const listed = id === null ? undefined : known.roles.get(id);
  return [{ id, name: given.name ?? listed?.name ?? null, slug: given.slug ?? listed?.slug ?? null }];
}

/** A role that says all itself takes nothing from the listing. */
function referred(raw: JsonObject, known: Refs): string {
  const { id, name, slug } = isObject(raw.role) ? role(raw.role) : NO_ROLE;
  return id !== null && name !== null && slug !== null ? '' : JSON.stringify(roles(raw, known));
}

function user(raw: JsonObject, known: Refs, active: boolean | null): UserRecord {
  return {
    user_id: idOf(raw, 'id'),
    email: joinable(text(raw, 'email')),
    emails: texts(raw, 'emails'),
    name: text(raw, 'name'),
    first_name: null,
    last_name: null,
    roles: roles(raw, known),
    active,
    availability: text(raw, 'status'),
    avatar_url: text(raw, 'avatar_url'),
    created_at: null,
    updated_at: null,
  };
}

/**
 * Pylon, https://docs.usepylon.com/pylon-docs/developer/api. There is no "changed since" and no time on a user, so each
 * scan reads the complete listing (`GET /users`). The limits are the lower of the two sets that Pylon has published.
 */
export const pylon: Source<Options> = {
  name: 'pylon',
  version: 1,
  options,
  limits: { list: 60, get: 60, search: 20, write: 20 },
  fields: [
    { column: 'role_id', path: ['role_id'], type: 'text', doc: 'Id of the role, as received' },
    { column: 'role_name', path: ['role', 'name'], type: 'text', doc: 'Name of the role, where the record carries it' },
    { column: 'role_slug', path: ['role', 'slug'], type: 'text', doc: 'Slug of the role, where the record carries it' },
    { column: 'status', path: ['status'], type: 'text', doc: 'Presence: active, away or out_of_office' },
  ],
  id: 'id',
  exclude: [],
  volatile: ['avatar_url'],
  impliesActive: true,
  api: (o): Api => ({
    base: o.base_url ?? HOSTS[o.region],
    headers: { authorization: `Bearer ${o.token}` },
    failure,
  }),
  reader: (o, io): Reader => ({
    unsignedCut: false,
    account: () => account(io),
    refs: () => refs(io),
    list: (from) => list(io, o.include_deactivated, from),
    find: (by) => find(io, by),
    absent: (id) => absent(io, o.include_deactivated, id),
  }),
  user,
  referred,
  writes: pylonWrites,
};
