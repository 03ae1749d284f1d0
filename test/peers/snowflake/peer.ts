import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Body, done, failed } from './answers.ts';
import { hasSchema, makeAccount } from './catalog.ts';
import { Failure } from './failure.ts';
import { makeFaults } from './faults.ts';
import { authenticate, type LoginData } from './login.ts';
import { runQuery } from './query.ts';
import { closeSession, execute, openSession } from './session.ts';
import type { Peer, PeerOptions, State } from './state.ts';

/** Largest body of a request, as the service has it. */
const MOST_BYTES = 16 * 1024 * 1024;

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const packed = Buffer.concat(parts);
  if (packed.length === 0) return {};
  const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(packed) : packed;
  if (bytes.length > MOST_BYTES) throw new Failure('000413', 'The request is too large.');
  return JSON.parse(bytes.toString('utf8'));
}

function send(response: ServerResponse, body: Body, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const tokens = (token: string, master: string): object => ({
  token,
  masterToken: master,
  validityInSeconds: 3600,
  masterValidityInSeconds: 14_400,
});

/** A name of a login, which is folded as in SQL. */
const kept = (given: string): string => /^"(.*)"$/.exec(given)?.[1] ?? given.toUpperCase();

async function logIn(state: State, query: URLSearchParams, data: LoginData): Promise<Body> {
  const trouble = state.faults.of('LOGIN');
  if (trouble?.kind === 'refuse') return failed(new Failure(trouble.code, trouble.message, '08001'), '');
  const user = authenticate(state.users, data);
  const role = query.get('roleName') ?? user.roles[0] ?? 'PUBLIC';
  if (!user.roles.includes(role))
    throw new Failure(
      '390189',
      `Role '${role}' specified in the connect string does not exist or not authorized.`,
      '08001',
    );
  const { account } = state;
  const connection = await account.connect();
  const [database, schema] = ['databaseName', 'schemaName'].map((name) => kept(query.get(name) ?? ''));
  const home = { database: database || account.home.database, schema: schema || account.home.schema };
  if (await hasSchema(connection, home)) await connection.run(`USE "${home.database}"."${home.schema}"`);
  const [token, master] = [randomUUID(), randomUUID()];
  state.open.set(token, openSession({ token, user: user.name, role, connection, account, home }));
  state.masters.set(master, token);
  state.counted.logins += 1;
  const parameters = [
    { name: 'CLIENT_SESSION_KEEP_ALIVE', value: state.keepsAlive },
    { name: 'CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY', value: 3600 },
  ];
  return done({
    ...tokens(token, master),
    sessionId: state.counted.logins,
    parameters,
    sessionInfo: { roleName: role },
  });
}

const tokenOf = (request: IncomingMessage): string =>
  /Token="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1] ?? '';

/** A new token for the session of a master token; the old one is of no more use. */
function renew(state: State, master: string): Body {
  const session = state.open.get(state.masters.get(master) ?? '');
  if (session === undefined) throw new Failure('390114', 'Authentication token has expired.', '08001');
  state.counted.renewals += 1;
  const token = randomUUID();
  state.open.delete(session.token);
  state.open.set(token, session);
  state.masters.set(master, token);
  return done({ sessionToken: token, masterToken: master, validityInSecondsST: 3600, validityInSecondsMT: 14_400 });
}

async function close(state: State, token: string): Promise<Body> {
  const session = state.open.get(token);
  if (session === undefined) throw new Failure('390111', 'Session no longer exists.', '08001');
  state.open.delete(token);
  state.counted.logouts += 1;
  await closeSession(session);
  return done({});
}

async function route(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', state.url);
  const chunk = state.chunks.get(url.pathname);
  if (chunk !== undefined) {
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(chunk);
    return;
  }
  if (url.pathname === '/refused') {
    send(response, { message: 'no' }, 400);
    return;
  }
  const body = await bodyOf(request);
  const token = tokenOf(request);
  const answers: Readonly<Record<string, () => Promise<Body> | Body>> = {
    '/session/v1/login-request': () => logIn(state, url.searchParams, body.data ?? {}),
    '/session/token-request': () => renew(state, token),
    '/session': () => close(state, token),
    '/session/heartbeat': () => {
      state.counted.heartbeats += 1;
      return done({});
    },
    '/telemetry/send': () => {
      state.counted.telemetry += 1;
      return done({});
    },
    '/queries/v1/abort-request': () => done({}),
  };
  const answer = answers[url.pathname];
  if (answer !== undefined) send(response, await answer());
  else await runQuery(state, { request, response, url, body, token, send });
}

const lowered = (row: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]));

/** Starts an account's server on a free port of this machine. */
export async function startPeer(options: PeerOptions): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'snowflake-peer-'));
  const home = options.home ?? { database: 'ANALYTICS', schema: 'ROLLCALL' };
  const state: State = {
    url: '',
    users: options.users,
    keepsAlive: options.keepsAlive ?? false,
    account: await makeAccount(folder, home, options.schema ?? true),
    faults: makeFaults(),
    log: [],
    counted: { logins: 0, logouts: 0, renewals: 0, telemetry: 0, heartbeats: 0 },
    open: new Map(),
    masters: new Map(),
    chunks: new Map(),
    queries: new Map(),
  };
  const server = createServer((request, response) => {
    route(state, request, response).catch((error: unknown) => {
      if (error instanceof Failure) send(response, failed(error, ''));
      else send(response, { message: String(error), success: false }, 500);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  state.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const { account } = state;
  const admin = openSession({
    token: 'admin',
    user: 'ADMIN',
    role: 'ACCOUNTADMIN',
    connection: await account.connect(),
    account,
    home,
  });
  if (options.schema ?? true) await admin.connection.run(`USE "${home.database}"."${home.schema}"`);
  return {
    url: state.url,
    faults: state.faults,
    log: state.log,
    counted: state.counted,
    account,
    sessions: () => state.open.size,
    run: async (sql) => (await execute(admin, sql)).rows,
    records: async (sql) => {
      const reader = await account.connect();
      try {
        await reader.run(`USE "${home.database}"."${home.schema}"`);
        const found = await reader.runAndReadAll(`SELECT CAST(TO_JSON(t) AS VARCHAR) FROM (${sql}) t`);
        return found.getRows().map(([row]) => lowered(JSON.parse(String(row))));
      } finally {
        reader.closeSync();
      }
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      for (const session of state.open.values()) await closeSession(session);
      await closeSession(admin);
      state.account.instance.closeSync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
