import { z } from 'zod';
import type { Io } from '../contract/io.ts';
import { isObject, type JsonObject } from '../contract/json.ts';
import type { Api, Chunk, Reader, Refs, Source, Team } from '../contract/source.ts';
import type { UserRecord } from '../contract/user.ts';
import { BadRecord } from '../errors.ts';
import { cursorPages, type PagePlan } from '../http/pages.ts';
import { apiBase } from './base.ts';
import { failure } from './jitsudo-words.ts';
import { jitsudoWrites } from './jitsudo-writes.ts';
import { findWithoutSearch, type Lookup, presence } from './lookup.ts';
import { idOf, instant, joinable, text, texts, unlessBad } from './record.ts';
import { teamsOr } from './teams.ts';

const options = z
  .strictObject({
    base_url: z.url().describe('Address of your JITSudo server'),
    tenant_id: z
      .string()
      .regex(/^\S+$/, 'must be the id of a tenant')
      .describe('The tenant whose users are read; sent with every request'),
    api_key: z.string().min(1).optional().meta({ secret: true }).describe('API key of the tenant: for unattended runs'),
    token: z.string().min(1).optional().meta({ secret: true }).describe('System token (JWT); it lives for one hour'),
    groups: z.boolean().default(true).describe('Load groups as teams; the credential must be permitted to list them'),
  })
  .superRefine(({ api_key, token }, context) => {
    if ((api_key === undefined) !== (token === undefined)) return;
    context.addIssue({ code: 'custom', path: ['api_key'], message: 'give either api_key or token, one of the two' });
  });

type Options = z.infer<typeof options>;

/** A picture in each record makes pages long: fifty users with 256 KB each are 13 MB. */
const PAGE_LIMIT = 50;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

function more(envelope: JsonObject): { more: boolean | null; cursor: string | null } {
  const { has_more: next, next_cursor: cursor } = envelope;
  return { more: typeof next === 'boolean' ? next : null, cursor: typeof cursor === 'string' ? cursor : null };
}

function plan(path: string, call: 'list' | 'get'): PagePlan {
  return {
    request: (cursor) => ({
      call,
      endpoint: `GET ${path}`,
      path,
      query: { limit: PAGE_LIMIT, cursor: cursor ?? undefined },
    }),
    items: 'data',
    // The engine guards the listing of users; nobody else guards that of groups.
    ...(call === 'get' ? { most: 200 } : {}),
    more,
  };
}

async function* list(io: Io, from: string | null): AsyncIterable<Chunk> {
  for await (const { items, next, last } of cursorPages(io, plan('/users', 'list'), from)) {
    yield { records: items, resume: next, last, active: null };
  }
}

const ONE: Lookup = {
  endpoint: 'GET /users/{id}',
  path: '/users',
  // The page on reading one user is not published: as the sibling calls answer, or in the envelope of lists.
  user: (body) => (body.id === undefined ? body.data : body),
  missing: (body) => body.code === 'not_found',
};

async function groups(io: Io): Promise<Map<string, Team>> {
  const found = new Map<string, Team>();
  for await (const { items } of cursorPages(io, plan('/groups', 'get'), null)) {
    for (const raw of items.filter((item) => isObject(item))) {
      // One without an id can be no row, and is no reason to load nobody.
      const team = unlessBad(() => ({ id: idOf(raw, 'id'), name: text(raw, 'name'), raw }));
      if (team !== null) found.set(team.id, team);
    }
  }
  return found;
}

/** Asks for one user, to see whether the server takes the credential for this tenant. */
async function knock(io: Io): Promise<void> {
  await io.send({ call: 'get', endpoint: 'GET /users', path: '/users', query: { limit: 1 } });
}

function active(raw: JsonObject): boolean | null {
  const value = raw.active;
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'boolean') throw new BadRecord('active: expected true or false');
  return value;
}

function user(raw: JsonObject): UserRecord {
  return {
    user_id: idOf(raw, 'id'),
    email: joinable(text(raw, 'email')),
    emails: texts(raw, 'email'),
    name: text(raw, 'name'),
    first_name: null,
    last_name: null,
    // A role is one word: what it is called, and what it is known by.
    roles: texts(raw, 'roles').map((name) => ({ id: null, name, slug: name })),
    active: active(raw),
    availability: null,
    avatar_url: null,
    created_at: instant(raw, 'created_at'),
    updated_at: instant(raw, 'updated_at'),
  };
}

/**
 * JITSudo, https://jitsudo-docs.pages.dev. Users have `updated_at`, but nothing asks for those changed since, so each
 * scan reads the complete listing. No limits of requests are published: there is no budget unless one is set.
 */
export const jitsudo: Source<Options> = {
  name: 'jitsudo',
  version: 1,
  options,
  limits: { list: 0, get: 0, search: 0, write: 0 },
  fields: [
    { column: 'auth_provider', path: ['auth_provider'], type: 'text', doc: 'local, oidc or saml: who owns the name' },
    { column: 'email_verified', path: ['email_verified'], type: 'boolean', doc: 'The address was confirmed' },
    { column: 'is_owner', path: ['is_owner'], type: 'boolean', doc: 'Owner of the tenant' },
  ],
  id: 'id',
  exclude: ['avatar_base64'],
  volatile: [],
  instants: ['created_at', 'updated_at'],
  impliesActive: false,
  api: (o): Api => ({
    base: apiBase(o.base_url, '/v1'),
    headers: {
      'x-tenant-id': o.tenant_id,
      ...(o.api_key === undefined ? {} : { 'x-api-key': o.api_key }),
      ...(o.token === undefined ? {} : { authorization: `Bearer ${o.token}` }),
    },
    maxBodyBytes: MAX_BODY_BYTES,
    failure,
  }),
  reader(o, io): Reader {
    // Read once: the account is asked for before them, and they show as well whether the credential is taken.
    let read: Promise<Omit<Refs, 'roles'>> | null = null;
    const teams = async (): Promise<Omit<Refs, 'roles'>> => {
      read ??= o.groups ? teamsOr(() => groups(io)) : Promise.resolve({ teams: new Map() });
      return read;
    };
    return {
      unsignedCut: false,
      async account() {
        const { withheld } = await teams();
        if (!o.groups || withheld !== undefined) await knock(io);
        return { id: o.tenant_id, name: null };
      },
      async refs(): Promise<Refs> {
        return { roles: new Map(), ...(await teams()) };
      },
      list: (from) => list(io, from),
      find: (by) => findWithoutSearch(io, by, { how: ONE, list: () => list(io, null) }),
      absent: (id) => presence(io, ONE, id),
    };
  },
  user,
  referred: () => '',
  writes: jitsudoWrites,
};
