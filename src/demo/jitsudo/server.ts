import { type ApiWords, type LocalOptions, type LocalServer, startApi } from '../local/api.ts';
import { type ErrorFacts, Refusal } from '../local/refusal.ts';
import type { Asked, Endpoint } from '../local/route.ts';
import type { Reply } from '../local/send.ts';
import { type JitsudoUser, type JitsudoWorld, makeWorld, type Tenancy } from './world.ts';
import { putUser, suspendUser } from './writing.ts';

/** How to start the local JITSudo. */
export interface JitsudoOptions extends LocalOptions, Partial<Tenancy> {
  /** The world to serve instead of one that is made. */
  readonly world?: JitsudoWorld;
}

/** A running local JITSudo. */
export interface JitsudoApi extends LocalServer {
  readonly world: JitsudoWorld;
  /** A key of the tenant; it does not end. */
  readonly apiKey: string;
  /** A token of the tenant, of one hour from the start of the server. */
  readonly token: string;
  /** A key that no policy permits to see users. */
  readonly deniedKey: string;
  /** A key of another tenant. */
  readonly foreignKey: string;
  /** One more token of one hour from now on. */
  issue(): string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const HOUR_MS = 3_600_000;

/** A JSON answer. */
export function jsonReply(body: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

const CODES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  422: 'validation_failed',
  429: 'too_many_requests',
};

function refuse({ status, message, code, headers = {}, more = {} }: ErrorFacts): Reply {
  const reply = jsonReply({ code: code ?? CODES[status] ?? 'internal', message, ...more }, status);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** A refusal by the policies, with what they have to say. */
export function denied(action: string): Refusal {
  const more = { details: { action }, notices: [`policy "least-privilege" denies ${action}`] };
  return new Refusal({ status: 403, message: 'not permitted by policy', code: 'forbidden', more });
}

/** One page of a listing. The cursor is a place, and places stay when their items go. */
function page<T>(places: readonly (T | null)[], { query }: Asked): Reply {
  const bad = (message: string): Refusal => new Refusal({ status: 400, message });
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) throw bad(`limit must be 1 to ${MAX_LIMIT}`);
  const cursor = query.get('cursor');
  const index = cursor === null ? 0 : Number(Buffer.from(cursor, 'base64url').toString().replace(/^at:/, ''));
  if (!Number.isInteger(index) || index < 0 || cursor === '') throw bad('cursor is not one of this listing');
  const rest = places.flatMap((item, at) => (at < index || item === null ? [] : [{ item, at }]));
  const data = rest.slice(0, limit);
  const next_cursor = Buffer.from(`at:${(data.at(-1)?.at ?? 0) + 1}`).toString('base64url');
  const has_more = rest.length > limit;
  return jsonReply({ data: data.map(({ item }) => item), ...(has_more ? { next_cursor } : {}), has_more });
}

/** The user whom the path names. Throws the 404. */
export function findUser(world: JitsudoWorld, { id }: Asked): JitsudoUser {
  const user = world.find(id);
  if (user === undefined) throw new Refusal({ status: 404, message: 'user not found' });
  return user;
}

interface Credential {
  readonly tenantId: string;
  readonly ends: number | null;
  readonly permitted: boolean;
}

/** The credential of a request. Throws the 401, or the 403 of a tenant that is not the credential's. */
function admit(known: ReadonlyMap<string, Credential>, { headers, now }: Asked): Credential {
  const bearer = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = headers['x-api-key'];
  const credential = known.get(bearer === undefined ? `key ${String(key)}` : `token ${bearer}`);
  if (credential === undefined || (credential.ends !== null && credential.ends <= now)) {
    throw new Refusal({ status: 401, message: 'missing, unknown or expired credential' });
  }
  if (headers['x-tenant-id'] !== credential.tenantId) {
    const more = { details: {}, notices: [] };
    throw new Refusal({ status: 403, code: 'tenant_mismatch', message: 'credential belongs to another tenant', more });
  }
  return credential;
}

/** Starts a local JITSudo on 127.0.0.1. The caller closes it. */
export async function startJitsudo(options: JitsudoOptions = {}): Promise<JitsudoApi> {
  const { users = 100, seed = 1, people, avatarBytes, now = Date.now } = options;
  const given = { ...(people === undefined ? {} : { people }), ...(avatarBytes === undefined ? {} : { avatarBytes }) };
  const world = options.world ?? makeWorld({ users, seed, ...given });
  const { tenantId } = world;
  const [apiKey, deniedKey, foreignKey] = ['jsk_demo', 'jsk_denied', 'jsk_foreign'];
  const known = new Map<string, Credential>([
    [`key ${apiKey}`, { tenantId, ends: null, permitted: true }],
    [`key ${deniedKey}`, { tenantId, ends: null, permitted: false }],
    [`key ${foreignKey}`, { tenantId: '00000000-0000-4000-8000-00000000beef', ends: null, permitted: true }],
  ]);
  let issued = 0;
  const issue = (): string => {
    issued += 1;
    const token = `jst_demo_${issued}`;
    known.set(`token ${token}`, { tenantId, ends: now() + HOUR_MS, permitted: true });
    return token;
  };
  const permitted = (action: string, serve: (asked: Asked) => Reply) => (asked: Asked) => {
    if (!admit(known, asked).permitted) throw denied(action);
    return serve(asked);
  };
  const get = (path: string, call: 'list' | 'get', action: string, serve: (asked: Asked) => Reply): Endpoint => ({
    method: 'GET',
    path: `/v1${path}`,
    call,
    serve: permitted(action, serve),
  });
  const write = (method: string, path: string, action: string, serve: (asked: Asked) => Reply): Endpoint => ({
    method,
    path: `/v1${path}`,
    call: 'write',
    serve: permitted(action, serve),
  });
  const words: ApiWords = {
    name: 'JITSudo',
    endpoints: [
      get('/users', 'list', 'ListUsers', (asked) => page(world.places(), asked)),
      get('/users/{id}', 'get', 'GetUser', (asked) => jsonReply(findUser(world, asked))),
      write('PUT', '/users/{id}', 'UpdateUser', (asked) => jsonReply(putUser(world, findUser(world, asked), asked))),
      write('POST', '/users/{id}/suspend', 'SuspendUser', (asked) =>
        jsonReply(suspendUser(world, findUser(world, asked), asked)),
      ),
      write('DELETE', '/users/{id}', 'DeleteUser', (asked) => {
        world.remove(findUser(world, asked).id);
        return { status: 204, headers: {}, body: '' };
      }),
      get('/groups', 'get', 'ListGroups', (asked) => page(world.groups(), asked)),
    ],
    admit: (asked) => void admit(known, asked),
    refuse,
    nowhere: () => ({ status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' }),
  };
  const server = await startApi(words, options);
  return { ...server, world, apiKey, token: issue(), deniedKey, foreignKey, issue };
}
