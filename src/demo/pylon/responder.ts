import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Limits } from '../local/limits.ts';
import { send } from '../local/send.ts';
import { authenticate, type Tokens } from './auth.ts';
import { type Route, route } from './endpoints.ts';
import { isPageFault, type PageFault, type Strike } from './faults.ts';
import { makeSpending } from './limits.ts';
import { replacement } from './replacement.ts';
import { errorReply, Refusal, type Reply } from './reply.ts';
import type { PylonWorld } from './world.ts';

/** One request that the server received. */
export interface Logged {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Status of the answer; null until it is sent, and for ever where the connection was reset before it. */
  status: number | null;
  /** When it was received, in ms by the server's clock. */
  readonly at: number;
}

/** All that answering needs. */
export interface ResponderParts extends Tokens {
  readonly world: PylonWorld;
  readonly limits: Limits;
  readonly strike: Strike;
  readonly log: Logged[];
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
}

/** One request on its way to an endpoint. */
interface Incoming {
  readonly request: IncomingMessage;
  readonly route: Route;
  readonly query: URLSearchParams;
  readonly requestId: string;
  readonly pageFault: PageFault | null;
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // A stray % makes an id that nobody has: the endpoint answers that it is not found.
    return id;
  }
}

/** Makes the function that answers one request after the other. It rejects when closing cuts a slow answer short. */
export function makeResponder(parts: ResponderParts) {
  const { world, limits, now } = parts;
  const spend = makeSpending(now);

  const serve = async ({ request, route: way, query, requestId, pageFault }: Incoming): Promise<Reply> => {
    if ('refusal' in way) throw way.refusal;
    const { endpoint } = way;
    authenticate(request.headers.authorization, parts);
    spend(`${endpoint.method} ${endpoint.path}`, limits[endpoint.call]);
    const body = await text(request);
    return endpoint.serve({ world, requestId, id: decodeId(way.id), query, body, now: now(), pageFault });
  };

  const answer = async (incoming: Incoming): Promise<Reply> => {
    try {
      return await serve(incoming);
    } catch (error) {
      if (error instanceof Refusal) return errorReply(incoming.requestId, error.facts);
      const message = `The demo API failed: ${error instanceof Error ? error.message : String(error)}`;
      return errorReply(incoming.requestId, { status: 500, message });
    }
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = request;
    const entry: Logged = { method, path: url, status: null, at: now() };
    parts.log.push(entry);
    const [path = '/', ...search] = url.split('?');
    const query = new URLSearchParams(search.join('?'));
    const way = route(method, path);
    const fault = parts.strike({ method, path, endpoint: 'refusal' in way ? way.template : way.endpoint.path, query });
    if (fault?.kind === 'reset' && fault.part === undefined) {
      request.socket.resetAndDestroy();
      return;
    }
    const requestId = randomUUID();
    const pageFault = isPageFault(fault) ? fault : null;
    const reply = replacement(fault, requestId) ?? (await answer({ request, route: way, query, requestId, pageFault }));
    if (fault?.kind === 'slow') await parts.wait(fault.ms, parts.signal);
    if (fault?.kind === 'lost') {
      request.socket.resetAndDestroy();
      return;
    }
    entry.status = reply.status;
    await send(response, reply, fault);
  };
}
