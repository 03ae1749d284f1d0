import { type ApiWords, type LocalOptions, type LocalServer, startApi } from '../local/api.ts';
import type { Population } from '../local/people.ts';
import type { ErrorFacts } from '../local/refusal.ts';
import type { Asked, Endpoint } from '../local/route.ts';
import type { Reply } from '../local/send.ts';
import { authenticate, renew } from './login.ts';
import { jsonReply, listMembers, listUsers, oneUser, organizations } from './reading.ts';
import { type Claims, makeTokens, PERMISSIONS, type Tokens, unauthorized } from './tokens.ts';
import { type IdentWorld, makeWorld } from './world.ts';
import { writing } from './writing.ts';

/** How to start the local Ident. */
export interface IdentOptions extends LocalOptions, Partial<Population> {
  /** The world to serve instead of one that is made. */
  readonly world?: IdentWorld;
}

/** A running local Ident. */
export interface IdentApi extends LocalServer {
  readonly world: IdentWorld;
  readonly tokens: Tokens;
  /** A user's token that may read and write all users. */
  readonly token: string;
  /** The application's own token. */
  readonly applicationToken: string;
  /** A token without the right to list users. */
  readonly weakToken: string;
  /** Buys access tokens of one hour, with the rights of `token`. */
  readonly refreshToken: string;
}

const PREFIX = '/api/v1';
const ORDINARY = 415;
const MASTER =
  ORDINARY | PERMISSIONS.listUsers | PERMISSIONS.createUser | PERMISSIONS.updateUser | PERMISSIONS.deleteUser;

/** Calls that ask for no token. */
const PUBLIC: ReadonlySet<string> = new Set([`POST ${PREFIX}/authenticate`, `POST ${PREFIX}/users`]);

/** The body of an error: one message, or the list of what is wrong with the values. */
function refuse({ status, message, headers = {}, more = {} }: ErrorFacts): Reply {
  const reply = jsonReply(status === 422 ? { errors: [{ message }], ...more } : { message, ...more }, status);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** Answer to everybody whose address is banned: the chain goes on, and a second document follows the first. */
export function banned(message = 'too many requests'): string {
  return `${JSON.stringify({ message })}${JSON.stringify([])}`;
}

function reading(world: IdentWorld, tokens: Tokens): Endpoint[] {
  const claims = ({ headers }: Asked): Claims => tokens.claims(headers.authorization);
  return [
    { method: 'GET', path: `${PREFIX}/users`, call: 'list', serve: (asked) => listUsers(world, claims(asked), asked) },
    {
      method: 'GET',
      path: `${PREFIX}/users/{id}`,
      call: 'get',
      serve: (asked) => oneUser(world, claims(asked), asked),
    },
    { method: 'GET', path: `${PREFIX}/organizations`, call: 'get', serve: (asked) => organizations(world, asked) },
    { method: 'GET', path: `${PREFIX}/organizations/{id}`, call: 'get', serve: (asked) => organizations(world, asked) },
    ...(['organization', 'application'] as const).map(
      (kind): Endpoint => ({
        method: 'GET',
        path: `${PREFIX}/${kind}s/{id}/users`,
        call: 'list',
        serve: (asked) => listMembers(world, kind, asked),
      }),
    ),
    {
      method: 'POST',
      path: `${PREFIX}/authenticate`,
      call: 'get',
      serve: (asked) => authenticate(world, tokens, asked),
    },
    { method: 'POST', path: `${PREFIX}/tokens`, call: 'get', serve: (asked) => renew(tokens, claims(asked), asked) },
  ];
}

function nowhere({ path }: Asked): Reply {
  if (path === `${PREFIX}/users/`) return { status: 301, headers: { location: `${PREFIX}/users` }, body: '' };
  return { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' };
}

/** Starts a local Provide Ident on 127.0.0.1. The caller closes it. */
export async function startIdent(options: IdentOptions = {}): Promise<IdentApi> {
  const { users = 100, seed = 1, people, now = Date.now } = options;
  const world = options.world ?? makeWorld({ users, seed, ...(people === undefined ? {} : { people }) });
  const tokens = makeTokens(now);
  const words: ApiWords = {
    name: 'Ident',
    endpoints: [...reading(world, tokens), ...writing(world, tokens, PREFIX)],
    admit({ method, path, headers }) {
      if (PUBLIC.has(`${method} ${path}`)) return;
      const { refresh } = tokens.claims(headers.authorization);
      if (refresh && path !== `${PREFIX}/tokens`) throw unauthorized();
    },
    refuse,
    nowhere,
  };
  const server = await startApi(words, options);
  const sub = 'user:5c1a7d1e-0000-4000-8000-00000000a001';
  return {
    ...server,
    world,
    tokens,
    token: tokens.issue({ sub, permissions: MASTER }),
    applicationToken: tokens.issue({ sub: `application:${world.application.id}`, permissions: ORDINARY }),
    weakToken: tokens.issue({ sub, permissions: ORDINARY }),
    refreshToken: tokens.issue({ sub, permissions: MASTER, refresh: true }),
  };
}
