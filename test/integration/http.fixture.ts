import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import type { Answer, Part, Request } from '../../src/contract/io.ts';
import { isObject } from '../../src/contract/json.ts';
import { RollcallError } from '../../src/errors.ts';
import { memoryBudget } from '../../src/http/budget.ts';
import { type IoOptions, makeIo } from '../../src/http/client.ts';

export const TOKEN = 'tok-3f9a/b+c d';

/** An Io whose waits take no time, and what it did. */
export function testIo(base: string, changes: Partial<IoOptions> = {}) {
  let clock = Date.parse('2026-11-01T00:00:00Z');
  const seen = {
    sent: 0,
    statuses: [] as (number | 'error')[],
    retried: [] as string[],
    waits: [] as [number, string][],
    waited: 0,
  };
  const controller = new AbortController();
  const io = makeIo({
    api: {
      base,
      headers: { authorization: `Bearer ${TOKEN}`, 'x-api-key': 'key-77aa' },
      failure: (_status, body) => {
        const words = isObject(body) && Array.isArray(body.errors) ? { message: body.errors.join('; ') } : {};
        return isObject(body) && typeof body.code === 'string' ? { ...words, code: body.code } : words;
      },
    },
    connection: 'support',
    limits: { list: 0, get: 0, search: 0, write: 0 },
    budget: memoryBudget(() => clock),
    signal: controller.signal,
    patienceMs: 120_000,
    timing: {
      random: () => 0.5,
      sleep: async (ms, signal) => {
        signal.throwIfAborted();
        clock += ms;
      },
      now: () => clock,
    },
    watch: {
      sent: () => void seen.sent++,
      answered: (_call, _endpoint, status) => void seen.statuses.push(status),
      retried: (reason) => void seen.retried.push(reason),
      waiting: (ms, reason) => void seen.waits.push([ms, reason]),
      waited: (ms) => {
        seen.waited += ms;
      },
    },
    ...changes,
  });
  return { io, seen, controller };
}

/** A local server with an address, closed by `stop`. */
export async function serve(listener: RequestListener): Promise<{ base: string; server: Server; stop(): void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { base: `http://127.0.0.1:${portOf(server)}`, server, stop };
}

/** Makes servers with an Io that talks to them; call it once in a test file. All are gone after each test. */
export function loopback() {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });
  const talking = async (listener: RequestListener, changes: Partial<IoOptions> = {}) => {
    const { base, stop } = await serve(listener);
    const made = testIo(base, changes);
    stops.push(() => made.io.close(), stop);
    return { ...made, base };
  };
  return { talking, stops };
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** A listener that answers each request with the next step, and the last step from then on. */
export function steps(...answers: RequestListener[]): RequestListener & { requests: IncomingMessage[] } {
  const requests: IncomingMessage[] = [];
  const listener: RequestListener = (request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    answer?.(request, response);
  };
  return Object.assign(listener, { requests });
}

/** Answers with JSON. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export const LIST: Request = { call: 'list', endpoint: 'GET /users', path: '/users' };
export const WRITE: Request = {
  call: 'write',
  endpoint: 'PATCH /users/{id}',
  method: 'PATCH',
  path: '/users/u1',
  body: { name: 'A' },
};

export async function all(parts: AsyncIterable<Part>): Promise<Part[]> {
  const got: Part[] = [];
  for await (const part of parts) got.push(part);
  return got;
}

/** The error of something that must fail. */
export async function errorOf(promise: Promise<Answer | Part[] | unknown>): Promise<RollcallError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof RollcallError) return error;
  throw error;
}
