import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import got from 'got';
import type { Request } from '../contract/io.ts';
import type { Json } from '../contract/json.ts';
import { BodyProblem } from './trouble.ts';

/** How long the network may be silent, in ms. */
export interface Timeouts {
  /** For DNS, for the connection and for TLS, each. */
  readonly connectMs: number;
  /** Until the first byte of an answer, and between two pieces of its body. */
  readonly idleMs: number;
}

/** An answer whose body has not been read. The body must be read or thrown away, else its connection stays in use. */
export interface Incoming {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes, decompressed; ending the loop early closes the connection. */
  readonly body: AsyncGenerator<Buffer, void>;
}

/** One HTTP client with its connections. Knows nothing of retries, budgets or statuses. */
export interface Wire {
  /** `session` has headers beside the wire's own, and wins where both have one. */
  open(url: URL, request: Request, session: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Incoming>;
  close(): void;
}

/** What a wire is made of. */
export interface WireOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly timeouts: Timeouts;
  readonly maxBodyBytes: number;
  /** Connections open at a time. More than one, for a lookup may be sent while a long listing is being read. */
  readonly concurrency: number;
}

/** Time-out of a body, shaped like the client's own so that both are told in the same words. */
function silence(ms: number): Error {
  return Object.assign(new Error(`no byte for ${ms} ms`), { code: 'ETIMEDOUT' });
}

/** Only the time spent waiting for the server counts: who reads may take as long as it likes between two pieces. */
async function* bytes(stream: Duplex, idleMs: number, maxBytes: number): AsyncGenerator<Buffer, void> {
  const watch = () => setTimeout(() => stream.destroy(silence(idleMs)), idleMs);
  let total = 0;
  let timer = watch();
  try {
    for await (const piece of stream) {
      clearTimeout(timer);
      const chunk: Buffer = piece;
      total += chunk.length;
      if (total > maxBytes) {
        throw new BodyProblem('too large', `is larger than the limit of ${maxBytes} bytes for one answer`, true);
      }
      yield chunk;
      timer = watch();
    }
  } finally {
    clearTimeout(timer);
  }
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
  );
  return Object.fromEntries(pairs);
}

function client(options: WireOptions, keepAlive: boolean) {
  const { connectMs, idleMs } = options.timeouts;
  const agentOptions = { keepAlive, maxSockets: options.concurrency };
  const agent = { http: new HttpAgent(agentOptions), https: new HttpsAgent(agentOptions) };
  const instance = got.extend({
    agent,
    headers: { 'user-agent': 'rollcall', accept: 'application/json', ...options.headers },
    retry: { limit: 0 },
    throwHttpErrors: false,
    // A redirect is one more request, so the budget's owner follows it, and only within the origin.
    followRedirect: false,
    timeout: { lookup: connectMs, connect: connectMs, secureConnect: connectMs, response: idleMs },
  });
  const close = (): void => {
    agent.http.destroy();
    agent.https.destroy();
  };
  return { instance, close };
}

/** The body to send. Of a request without one, other than GET, the client would wait for somebody to write it. */
function payload(method: string, body: Json | undefined): { body?: string } {
  if (body !== undefined) return { body: JSON.stringify(body) };
  return method === 'GET' ? {} : { body: '' };
}

/** Makes the HTTP client of one connection. */
export function makeWire(options: WireOptions): Wire {
  const reading = client(options, true);
  // A kept connection may be closed by the server while a write is on its way, which would leave the write in doubt.
  const writing = client(options, false);
  return {
    open(url, request, session, signal) {
      const { instance } = request.call === 'write' ? writing : reading;
      const method = request.method ?? 'GET';
      const headers = { ...session, ...(request.body === undefined ? {} : { 'content-type': 'application/json' }) };
      const stream = instance.stream(url, { method, headers, signal, ...payload(method, request.body) });
      return new Promise((resolve, reject) => {
        // Stays on for good: after the answer's start the same errors reach the loop that reads the body.
        stream.on('error', reject);
        stream.once('response', (response) => {
          const body = bytes(stream, options.timeouts.idleMs, options.maxBodyBytes);
          resolve({ status: response.statusCode, headers: flat(response.headers), body });
        });
      });
    },
    close() {
      reading.close();
      writing.close();
    },
  };
}
