import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RollcallError } from '../../errors.ts';

/** What a route is given. */
export interface Asked {
  /** The part of the path after the route's own, decoded. */
  readonly rest: string;
  /** The parsed body; an empty object where there is none. */
  readonly body: unknown;
}

/** What a route answers: an object as JSON, a text as it is. */
export interface Reply {
  readonly status: number;
  readonly body: object | string;
  readonly type?: string;
}

/** One route. `open`: without the token, to everybody or to this host alone. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly open?: 'everybody' | 'this-host';
  answer(asked: Asked): Promise<Reply>;
}

/** A body longer than this is nothing that a command sends. */
const MAX_BODY = 1024 * 1024;

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

const wrong = (status: number, message: string): Reply => ({ status, body: { error: { kind: 'config', message } } });

function sameToken(given: string | undefined, token: string): boolean {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(`Bearer ${token}`)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request) {
    // A request's pieces are bytes as long as nobody sets an encoding.
    const bytes = piece as Buffer;
    size += bytes.length;
    if (size > MAX_BODY) throw new RollcallError('config', 'the request is too long', { step: 'http' });
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function parsed(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RollcallError('config', 'the body is no JSON', { step: 'http', cause: error });
  }
}

function find(routes: readonly Route[], path: string): readonly Route[] {
  return routes.filter((route) => path === route.path || (route.path.endsWith('/') && path.startsWith(route.path)));
}

async function answer(routes: readonly Route[], token: string, request: IncomingMessage): Promise<Reply> {
  const path = new URL(request.url ?? '/', 'http://worker').pathname;
  const here = find(routes, path);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const route = here.find((one) => one.method === method);
  if (route === undefined) {
    return here.length === 0
      ? wrong(404, `there is nothing at ${path}`)
      : wrong(405, `${path} is not for ${request.method}`);
  }
  const free =
    route.open === 'everybody' || (route.open === 'this-host' && LOOPBACK.test(request.socket.remoteAddress ?? ''));
  if (!free && !sameToken(request.headers.authorization, token)) {
    return wrong(401, 'send the bearer token that stands in worker.token in the state folder');
  }
  const rest = decodeURIComponent(path.slice(route.path.length));
  return route.answer({ rest, body: parsed(await bodyOf(request)) });
}

function statusOf(error: RollcallError): number {
  if (error.kind === 'config') return 400;
  return error.retryable ? 503 : 500;
}

async function respond(
  routes: readonly Route[],
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let reply: Reply;
  try {
    reply = await answer(routes, token, request);
  } catch (error) {
    if (error instanceof RollcallError)
      reply = { status: statusOf(error), body: { error: { kind: error.kind, message: error.message } } };
    else if (error instanceof URIError) reply = wrong(400, 'the path is not well encoded');
    else
      reply = {
        status: 500,
        body: { error: { kind: 'bug', message: error instanceof Error ? error.message : String(error) } },
      };
  }
  const text = typeof reply.body === 'string' ? reply.body : `${JSON.stringify(reply.body)}\n`;
  response.writeHead(reply.status, {
    'content-type': reply.type ?? 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...(reply.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Listens; where the port is taken, on a free one. */
async function listenSomewhere(server: Server, host: string, port: number): Promise<void> {
  try {
    await listen(server, host, port);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EADDRINUSE' && port !== 0) return listen(server, host, 0);
    throw new RollcallError(
      'config',
      `cannot listen on ${host}:${port} (${String(code)}): set worker.http to an address of this machine and a port that this user may have, or to false`,
      {
        step: 'http',
        cause: error,
      },
    );
  }
}

/** A listening HTTP side. */
export interface Listening {
  readonly url: string;
  close(): void;
}

/** Serves the routes on an address of this machine. */
export async function serve(
  routes: readonly Route[],
  token: string,
  place: { host: string; port: number },
): Promise<Listening> {
  const server = createServer((request, response) => {
    respond(routes, token, request, response).catch(() => response.destroy());
  });
  server.requestTimeout = 30_000;
  await listenSomewhere(server, place.host, place.port);
  // A server on a TCP port has this form of address.
  const { port } = server.address() as AddressInfo;
  const host = place.host.includes(':') ? `[${place.host}]` : place.host;
  return {
    url: `http://${host}:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
