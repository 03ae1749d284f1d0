import { z } from 'zod';
import type { Io, Request } from '../contract/io.ts';
import type { JsonObject } from '../contract/json.ts';
import type { Account, Api, Chunk, Field, Reader, Source } from '../contract/source.ts';
import type { UserRecord } from '../contract/user.ts';
import { RollcallError } from '../errors.ts';
import { wholeList } from '../http/whole-list.ts';
import { apiBase } from './base.ts';
import { refreshing, subjectOf } from './ident-login.ts';
import { type Membership, soundMembers } from './ident-members.ts';
import { makeSight } from './ident-sight.ts';
import { failure } from './ident-words.ts';
import { identWrites } from './ident-writes.ts';
import { findWithoutSearch, type Lookup } from './lookup.ts';
import { firstText, idOf, instant, joinable, NIL_UUID, text, texts } from './record.ts';

const secret = (): z.ZodOptional<z.ZodString> => z.string().min(1).optional().meta({ secret: true });

const options = z
  .strictObject({
    token: secret().describe("An application's token, or one of a user with the permission ListUsers"),
    refresh_token: secret().describe('Buys access tokens of one hour; instead of token, or for when it ends'),
    organization_id: z
      .string()
      .min(1)
      .optional()
      .describe('Read the members of this organization instead of all users'),
    application_id: z.string().min(1).optional().describe('Read the members of this application instead of all users'),
    base_url: z.url().default('https://ident.provide.services').describe('Address of the API, when it is another one'),
  })
  .superRefine(({ token, refresh_token, organization_id, application_id }, context) => {
    if (token === undefined && refresh_token === undefined) {
      context.addIssue({ code: 'custom', path: ['token'], message: 'is missing: give token, refresh_token or both' });
    }
    if (organization_id !== undefined && application_id !== undefined) {
      const message = 'cannot stand beside organization_id: a connection reads the members of one of the two';
      context.addIssue({ code: 'custom', path: ['application_id'], message });
    }
  });

type Options = z.infer<typeof options>;

const USERS: Request = { call: 'list', endpoint: 'GET /users', path: '/users' };

/** The whole table in one answer. It may be cut short without a sign: nothing says how many there are. */
async function* everybody(io: Io): AsyncIterable<Chunk> {
  for await (const { items, last } of wholeList(io, USERS)) yield { records: items, resume: null, last, active: null };
}

function membershipOf({ organization_id, application_id }: Options): Membership | null {
  if (organization_id !== undefined) return { kind: 'organization', id: organization_id };
  return application_id === undefined ? null : { kind: 'application', id: application_id };
}

const ONE: Lookup = {
  endpoint: 'GET /users/{id}',
  path: '/users',
  user: (body) => body,
  missing: ({ message }) => typeof message === 'string' && /^user not found/iu.test(message),
};

/** Looks up nobody, to see whether the token is taken: any answer but 401 says so. A lookup that fails is no matter yet. */
async function knock(io: Io): Promise<void> {
  const nobody: Request = { call: 'get', endpoint: ONE.endpoint, path: `/users/${NIL_UUID}` };
  try {
    await io.send({ ...nobody, accept: [400, 403, 404], anyBody: true });
  } catch (error) {
    const ofLookup = error instanceof RollcallError && error.step === ONE.endpoint && error.status !== undefined;
    if (!ofLookup || error.kind !== 'transient') throw error;
  }
}

async function account(io: Io, o: Options): Promise<Account> {
  await knock(io);
  const membership = membershipOf(o);
  if (membership !== null) return { id: `${membership.kind}:${membership.id}`, name: null };
  const subject = subjectOf(o.token ?? o.refresh_token);
  const whole = { id: `users of ${new URL(o.base_url).hostname}`, name: null };
  // Not the account of its membership listing: that says less of the same users, and would overwrite what is known.
  return subject?.startsWith('application:') ? { id: `users of ${subject}`, name: null } : whole;
}

/** `name` is null in listings and of two empty names one blank: the two names tell it as well. */
function nameOf(raw: JsonObject): string | null {
  const derived = [text(raw, 'first_name'), text(raw, 'last_name')].map((part) => part?.trim() ?? '').join(' ');
  return firstText(text(raw, 'name'), derived);
}

function user(raw: JsonObject): UserRecord {
  return {
    user_id: idOf(raw, 'id'),
    email: joinable(text(raw, 'email')),
    emails: texts(raw, 'email'),
    name: nameOf(raw),
    first_name: text(raw, 'first_name'),
    last_name: text(raw, 'last_name'),
    roles: [],
    active: null,
    availability: null,
    avatar_url: null,
    created_at: instant(raw, 'created_at'),
    updated_at: null,
  };
}

const field = (path: string, type: Field['type'], doc: string, column = path): Field => ({
  column,
  path: [path],
  type,
  doc,
});

/**
 * Provide Ident, https://docs.provide.technology/ident/users. Neither a time of change nor a feed: each scan reads the
 * complete listing, one answer without pages. No limits are published, and a 429 means that this address is banned.
 */
export const ident: Source<Options> = {
  name: 'ident',
  version: 1,
  options,
  limits: { list: 0, get: 0, search: 0, write: 0 },
  fields: [
    field('application_id', 'text', 'Application that the user belongs to'),
    field('permissions', 'integer', "Mask of permissions; in a membership listing the membership's"),
    field('privacy_policy_agreed_at', 'timestamp', 'When the privacy policy was agreed to'),
    field('terms_of_service_agreed_at', 'timestamp', 'When the terms of service were agreed to'),
    field('metadata', 'json', 'Profile of the identity provider; lookups have it, listings have not'),
    field('created_at', 'text', 'created_at as received; its column is null for the zero time', 'created_at_received'),
  ],
  id: 'id',
  exclude: [],
  volatile: [],
  instants: ['created_at', 'privacy_policy_agreed_at', 'terms_of_service_agreed_at'],
  impliesActive: false,
  thinListing: true,
  blindLookups: true,
  api: (o): Api => ({
    base: apiBase(o.base_url, '/api/v1'),
    headers: o.token === undefined ? {} : { authorization: `bearer ${o.token}` },
    ...(o.refresh_token === undefined ? {} : { login: refreshing(o.refresh_token, o.token === undefined) }),
    shutOut: [429],
    failure,
  }),
  reader(o, io): Reader {
    const membership = membershipOf(o);
    const list = (): AsyncIterable<Chunk> => (membership === null ? everybody(io) : soundMembers(io, membership));
    const sight = makeSight(io, ONE, list);
    return {
      unsignedCut: membership === null,
      account: () => account(io, o),
      refs: async () => ({ roles: new Map(), teams: new Map() }),
      list: sight.list,
      find: (by) => findWithoutSearch(io, by, { how: ONE, list }),
      absent: sight.absent,
    };
  },
  user,
  referred: () => '',
  writes: identWrites,
};
