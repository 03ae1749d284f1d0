import { hash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { type ApiWords, type LocalOptions, type LocalServer, startApi } from '../local/api.ts';
import type { Population } from '../local/people.ts';
import { type ErrorFacts, Refusal } from '../local/refusal.ts';
import type { Asked, Endpoint } from '../local/route.ts';
import type { Reply } from '../local/send.ts';
import { type BluebricksUser, type BluebricksWorld, makeWorld } from './world.ts';
import { setRoles } from './writing.ts';

/** How to start the local Bluebricks. */
export interface BluebricksOptions extends LocalOptions, Partial<Population> {
  /** The world to serve instead of one that is made. */
  readonly world?: BluebricksWorld;
  /** Form of the members' listing, which is not published. Default: `array`. */
  readonly shape?: 'array' | 'total';
  /** Most members of one page, whatever `limit` says; the maximum is not published. Default: 100. */
  readonly most?: number;
}

/** A running local Bluebricks. */
export interface BluebricksApi extends LocalServer {
  readonly world: BluebricksWorld;
  /** The organization's key, with every scope that reading and writing users needs. */
  readonly token: string;
  /** A key that lacks this scope. */
  tokenWithout(scope: string): string;
}

const PREFIX = '/api/v1';
const DEFAULT_LIMIT = 20;
const SCOPES = ['read:users', 'update:users', 'create:users', 'delete:users', 'read:organization'];

/** A JSON answer. */
export function jsonReply(body: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
}

function refuse({ status, message, headers = {} }: ErrorFacts): Reply {
  const reply = jsonReply({ statusCode: status, message, error: STATUS_CODES[status] ?? 'Error' }, status);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

const badRequest = (message: string): Refusal => new Refusal({ status: 400, message });

function numberOf(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d+$/.test(text)) throw badRequest(`${name} must be a number`);
  return Number(text);
}

/** `GET /organization/members`: `limit` (default 20) and `offset`; the order is the world's. */
function listMembers(world: BluebricksWorld, { shape, most }: { shape: string; most: number }, asked: Asked): Reply {
  const limit = Math.min(most, numberOf(asked.query, 'limit', DEFAULT_LIMIT));
  const offset = numberOf(asked.query, 'offset', 0);
  const all = world.members();
  const list = all.slice(offset, offset + limit);
  return jsonReply(shape === 'total' ? { total: all.length, list } : list);
}

/** The user whom the path names. Throws the 404. */
export function findUser(world: BluebricksWorld, { id }: Asked): BluebricksUser {
  const user = world.find(id);
  if (user === undefined) throw new Refusal({ status: 404, message: 'User not found' });
  return user;
}

function me(world: BluebricksWorld, scopes: ReadonlySet<string>): Reply {
  const { id } = world.organization;
  const email = 'automation@acme.test';
  return jsonReply({
    id: `apikey|${id}`,
    name: 'Automation',
    email,
    permissions: [...scopes],
    pylonEmailHash: hash('sha256', email),
  });
}

function organization(world: BluebricksWorld): Reply {
  return jsonReply({ ...world.organization, created_at: '2025-01-01T00:00:00.000Z', metadata: {} });
}

/** Starts a local Bluebricks on 127.0.0.1. The caller closes it. */
export async function startBluebricks(options: BluebricksOptions = {}): Promise<BluebricksApi> {
  const { users = 100, seed = 1, people, shape = 'array', most = 100 } = options;
  const world = options.world ?? makeWorld({ users, seed, ...(people === undefined ? {} : { people }) });
  const keys = new Map([['bbx_demo', new Set(SCOPES)]]);
  const scopesOf = ({ headers }: Asked): ReadonlySet<string> => {
    const given = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const scopes = keys.get(given);
    if (scopes === undefined) throw new Refusal({ status: 401, message: 'Unauthorized' });
    return scopes;
  };
  const scoped = (scope: string, serve: (asked: Asked) => Reply) => (asked: Asked) => {
    if (!scopesOf(asked).has(scope)) throw new Refusal({ status: 403, message: `Missing scope: ${scope}` });
    return serve(asked);
  };
  const get = (path: string, call: 'list' | 'get', serve: (asked: Asked) => Reply): Endpoint => ({
    method: 'GET',
    path: `${PREFIX}${path}`,
    call,
    serve,
  });
  const endpoints = [
    get(
      '/organization/members',
      'list',
      scoped('read:users', (asked) => listMembers(world, { shape, most }, asked)),
    ),
    get(
      '/organization/roles',
      'get',
      scoped('read:organization', () => jsonReply(world.roles())),
    ),
    get(
      '/organization',
      'get',
      scoped('read:organization', () => organization(world)),
    ),
    get('/user/me', 'get', (asked) => me(world, scopesOf(asked))),
    get(
      '/user/{id}',
      'get',
      scoped('read:users', (asked) => jsonReply(findUser(world, asked))),
    ),
    {
      method: 'POST',
      path: `${PREFIX}/user/{id}/roles`,
      call: 'write',
      serve: scoped('update:users', (asked) => jsonReply(setRoles(world, findUser(world, asked), asked))),
    } as const,
  ];
  const words: ApiWords = {
    name: 'Bluebricks',
    endpoints,
    admit: (asked) => void scopesOf(asked),
    refuse,
    nowhere: ({ method, path }) => refuse({ status: 404, message: `Cannot ${method} ${path}` }),
  };
  const server = await startApi(words, options);
  return {
    ...server,
    world,
    token: 'bbx_demo',
    tokenWithout(scope) {
      const token = `bbx_without_${scope.replaceAll(':', '_')}`;
      keys.set(token, new Set(SCOPES.filter((known) => known !== scope)));
      return token;
    },
  };
}
