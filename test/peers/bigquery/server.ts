import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ApiError, bodyOf, errorReply, jsonOf, ok, type Reply, send, uploadOf } from './answers.ts';
import { type Fault, type FaultKind, type Seen, strike } from './faults.ts';
import {
  type Api,
  deny,
  type Insert,
  insertJob,
  jobOf,
  type PeerJob,
  type PeerOptions,
  resourceOf,
  resultsReply,
} from './inserts.ts';
import type { QueryPlace } from './queries.ts';
import { makeQuotas, UNLIMITED } from './quotas.ts';
import { makeStore, type Store } from './store.ts';
import { datasetReply, makeDataset, makeTable, patchTable, tableData, tableList, tableReply } from './tables.ts';

/** A BigQuery API on loopback, in front of DuckDB in memory. */
export interface Peer {
  readonly url: string;
  readonly token: string;
  readonly store: Store;
  /** What is to go wrong; may be changed at any time. */
  readonly faults: Fault[];
  /** Requests so far. */
  readonly requests: Seen[];
  /** Jobs so far, by their ids. */
  readonly jobs: ReadonlyMap<string, Pick<PeerJob, 'state' | 'error' | 'configuration'>>;
  /** Tokens that are accepted from now on. */
  accept(token: string): void;
  stop(): Promise<void>;
}

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly path: string;
  readonly project: string;
  readonly body: Buffer;
  readonly contentType: string;
  readonly fault: FaultKind | null;
}

async function answer(api: Api, asked: Asked): Promise<Reply> {
  const { method, path, project, url, body, fault } = asked;
  const [, kind, id, deeper, table, data] = path.split('/').map(decodeURIComponent);
  if (kind === 'jobs' && method === 'POST' && id === undefined) {
    const upload = url.pathname.startsWith('/upload/') ? uploadOf(asked.contentType, body) : null;
    const insert = jsonOf<Insert>(upload?.json ?? body);
    return insertJob(api, { project, insert, media: upload?.media ?? null, fault });
  }
  if (kind === 'jobs' && method === 'GET' && id !== undefined)
    return ok(resourceOf(jobOf(api, project, id, url.searchParams.get('location'))));
  if (kind === 'queries' && method === 'GET' && id !== undefined) {
    return resultsReply(jobOf(api, project, id, url.searchParams.get('location')), url.searchParams);
  }
  const tables = {
    ...api,
    location: api.options.location,
    deny: (permission: string, message: string) => deny(api, permission, message),
  };
  if (kind === 'datasets' && deeper === undefined) {
    if (method === 'POST' && id === undefined) return makeDataset(tables, project, jsonOf(body));
    if (method === 'GET' && id !== undefined) return datasetReply(tables, project, id);
    if (method === 'DELETE' && id !== undefined) {
      datasetReply(tables, project, id);
      await api.store.dropDataset(`${project}.${id}`);
      return { status: 204, body: null };
    }
  }
  if (kind === 'datasets' && id !== undefined && deeper === 'tables') {
    const name = { dataset: `${project}.${id}`, table: table ?? '' };
    if (method === 'GET' && table === undefined) return tableList(tables, name.dataset, url.searchParams);
    if (method === 'GET' && data === 'data') return tableData(tables, name, url.searchParams);
    if (method === 'POST') return makeTable(tables, name, jsonOf(body));
    if (method === 'GET') return tableReply(tables, name);
    if (method === 'PATCH') return patchTable(tables, name, jsonOf(body));
    if (method === 'DELETE') {
      await tableReply(tables, name);
      await api.store.drop(name);
      return { status: 204, body: null };
    }
  }
  throw new ApiError(404, 'notFound', `Not Found: ${method} ${path}`);
}

const ROUTE = /^(?:\/upload)?\/bigquery\/v2\/projects\/([^/]+)(\/.*)$/;

function seenOf(method: string, path: string, body: Buffer): Seen {
  const job =
    method === 'POST' && path === '/jobs'
      ? (/"jobId":"([^"]+)"/.exec(body.toString('utf8', 0, 100_000))?.[1] ?? null)
      : null;
  return { method, path, job };
}

/** Faults that need no answer of the API. True where the request is dealt with. */
function cut(fault: FaultKind | null, response: ServerResponse): boolean {
  if (fault?.kind === 'silent') return true;
  if (fault?.kind === 'reset') response.destroy();
  else if (fault?.kind === 'answer')
    send(response, errorReply(new ApiError(fault.status, fault.reason, fault.message)), fault.headers);
  else if (fault?.kind === 'gateway')
    response.writeHead(fault.status, { 'content-type': 'text/html' }).end('<html><body>Bad gateway</body></html>');
  else return false;
  return true;
}

function lacking({ status, body }: Reply, members: readonly string[]): Reply {
  const left = Object.entries(body ?? {}).filter(([name]) => !members.includes(name));
  return { status, body: Object.fromEntries(left) };
}

async function handle(
  api: Api,
  peer: Pick<Peer, 'faults' | 'requests'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://peer');
  const [, project = '', path = ''] = ROUTE.exec(url.pathname) ?? [];
  const body = await bodyOf(request);
  const seen = seenOf(request.method ?? '', path, body);
  peer.requests.push(seen);
  const fault = strike(peer.faults, seen);
  if (cut(fault, response)) return;
  let reply: Reply;
  try {
    if (request.headers.authorization !== `Bearer ${api.token}`) {
      throw new ApiError(
        401,
        'authError',
        'Request had invalid authentication credentials. Expected OAuth 2 access token.',
      );
    }
    const contentType = request.headers['content-type'] ?? '';
    reply = await answer(api, { method: seen.method, url, path, project, body, contentType, fault });
  } catch (error) {
    if (error instanceof ApiError) reply = errorReply(error);
    else
      reply = errorReply(
        new ApiError(500, 'peerError', error instanceof Error ? (error.stack ?? error.message) : String(error)),
      );
  }
  if (fault?.kind === 'lost') response.destroy();
  else send(response, fault?.kind === 'without' ? lacking(reply, fault.members) : reply);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the peer has no port');
  return address.port;
}

/** Starts a peer on a free port. */
export async function startPeer(options: PeerOptions = {}): Promise<Peer> {
  const store = await makeStore();
  const full = {
    token: 'peer-token',
    location: 'US',
    quotas: false,
    sandbox: false,
    denied: [],
    linger: 30_000,
    ...options,
  };
  const quotas = full.quotas ? makeQuotas(Date.now) : UNLIMITED;
  const jobs = new Map<string, PeerJob>();
  const place = (project: string): QueryPlace => ({ store, project, quotas, sandbox: full.sandbox });
  const api: Api = { options: full, place, store, quotas, jobs, token: full.token, turn: Promise.resolve() };
  const watched = { faults: [] as Fault[], requests: [] as Seen[] };
  const server = createServer((request, response) => {
    // Whoever cuts the connection is not to stop the peer.
    handle(api, watched, request, response).catch(() => response.destroy());
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    token: full.token,
    store,
    jobs,
    ...watched,
    accept: (token) => {
      api.token = token;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await api.turn;
      store.close();
    },
  };
}
