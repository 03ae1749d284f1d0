import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../contract/json.ts';
import { isAbort } from '../../errors.ts';
import { type Faults, makeFaults, type WireFault } from './faults.ts';
import { type Limits, NO_LIMITS, slidingMinute } from './limits.ts';
import { listen, stopListening } from './listen.ts';
import { type ErrorFacts, Refusal } from './refusal.ts';
import { type Asked, decodeSegment, type Endpoint, type Route, route } from './route.ts';
import { type Reply, send } from './send.ts';

/** What happens to a request: what may happen to any, or a true JSON answer that is changed on its way out. */
export type LocalFault = WireFault | { readonly kind: 'edit'; readonly edit: (body: Json) => Json };

/** One request that the server received. */
export interface Logged {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Status of the answer; null until it is sent, and for ever where the connection was reset before it. */
  status: number | null;
}

/** What is one API's own. */
export interface ApiWords {
  /** For messages. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** Turns a request away that may not come in; called before routing says what it is for. Throws Refusal. */
  admit(asked: Asked): void;
  /** The answer with the API's error body. */
  refuse(facts: ErrorFacts): Reply;
  /** The answer of a path that leads nowhere. */
  nowhere(asked: Asked): Reply;
}

/** How to start a local API, whatever it is of. */
export interface LocalOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Requests a minute and endpoint, by kind of call. Default: none. */
  readonly limits?: Partial<Limits>;
  readonly now?: () => number;
  /** How a slow answer is waited for; rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** A running local API. */
export interface LocalServer {
  /** Without a slash at its end, and without the API's own prefix. */
  readonly url: string;
  readonly faults: Faults<LocalFault>;
  /** Every request received, in order. */
  readonly log: readonly Logged[];
  /** Stops listening and cuts every open connection. */
  close(): Promise<void>;
}

interface Parts {
  readonly words: ApiWords;
  readonly limits: Limits;
  readonly now: () => number;
  readonly spend: (endpoint: string, limit: number) => number;
}

function answerOf({ words, limits, spend }: Parts, way: Route | null, asked: Asked): Reply {
  try {
    words.admit(asked);
    if (way === null) return words.nowhere(asked);
    const { endpoint } = way;
    const over = spend(`${endpoint.method} ${endpoint.path}`, limits[endpoint.call]) > 0;
    return over ? words.refuse({ status: 429, message: 'Too Many Requests' }) : endpoint.serve(asked);
  } catch (error) {
    if (error instanceof Refusal) return words.refuse(error.facts);
    return words.refuse({
      status: 500,
      message: `The demo API failed: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

function edited(reply: Reply, edit: (body: Json) => Json): Reply {
  const whole = typeof reply.body === 'string' ? reply.body : [...reply.body].join('');
  return { ...reply, body: JSON.stringify(edit(JSON.parse(whole))) };
}

/** What a request is answered with, its fault considered. */
function replyFor(parts: Parts, fault: LocalFault | null, way: Route | null, asked: Asked): Reply {
  if (fault?.kind === 'status') {
    const { status, message = `The request failed with status ${status}`, code, headers = {} } = fault;
    return parts.words.refuse({ status, message, code, headers });
  }
  if (fault?.kind === 'body') {
    const { status = 200, type = 'application/json', body } = fault;
    return { status, headers: { 'content-type': type }, body };
  }
  const reply = answerOf(parts, way, asked);
  return fault?.kind === 'edit' ? edited(reply, fault.edit) : reply;
}

/** Starts an API on 127.0.0.1. The caller closes it. Throws when the port is taken. */
export async function startApi(words: ApiWords, options: LocalOptions): Promise<LocalServer> {
  const { now = Date.now, wait = (ms, signal) => delay(ms, undefined, { signal }) } = options;
  const { strike, ...faults } = makeFaults<LocalFault>();
  const parts: Parts = { words, limits: { ...NO_LIMITS, ...options.limits }, now, spend: slidingMinute(now) };
  const log: Logged[] = [];
  const closing = new AbortController();

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = request;
    const entry: Logged = { method, path: url, headers, status: null };
    log.push(entry);
    const [path = '/', ...search] = url.split('?');
    const query = new URLSearchParams(search.join('?'));
    const way = route(words.endpoints, method, path);
    const fault = strike({ method, path, endpoint: way?.endpoint.path ?? '', query });
    if (fault?.kind === 'reset' && fault.part === undefined) {
      request.socket.resetAndDestroy();
      return;
    }
    const body = await text(request);
    const id = way === null ? '' : decodeSegment(way.id);
    const reply = replyFor(parts, fault, way, { method, path, id, query, headers, body, now: now() });
    if (fault?.kind === 'slow') await wait(fault.ms, closing.signal);
    if (fault?.kind === 'lost') {
      request.socket.resetAndDestroy();
      return;
    }
    entry.status = reply.status;
    await send(response, reply, fault);
  };

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      response.destroy();
      // A wait that closing cut short is expected; anything else is a bug and must be seen.
      if (!isAbort(error)) throw error;
    });
  });
  const port = await listen(server, options.port ?? 0, words.name);
  const close = (): Promise<void> => {
    closing.abort();
    return stopListening(server);
  };
  return { url: `http://127.0.0.1:${port}`, faults, log, close };
}
