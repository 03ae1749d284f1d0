import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { createReadStream, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BigQuery } from '@google-cloud/bigquery';
import pRetry from 'p-retry';
import type { OpenContext } from '../contract/warehouse.ts';
import { abortError } from '../http/timing.ts';
import { authClientOf } from './bigquery-credentials.ts';
import type { BigqueryOptions } from './bigquery-options.ts';
import { BigqueryTrouble, isMissing, isShort, requestTrouble } from './bigquery-trouble.ts';

/** How waits are made, and how long an answer may take; tests make them short. */
export interface Pace {
  /** An answer to anything but an upload takes no longer, in ms. */
  readonly limit: number;
  pause(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

/** The pace of a real process. */
export const REAL_PACE: Pace = {
  limit: 60_000,
  pause: (ms, signal) => sleep(ms, undefined, { signal }),
  random: Math.random,
};

/** An object of the API's JSON; its members are looked at before they are used. */
export type Resource = Readonly<Record<string, unknown>>;

/** One request. */
export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the project, such as `/jobs`. */
  readonly path: string;
  readonly qs?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  /** A file that is uploaded after the JSON, in one multipart request. */
  readonly file?: string;
  /** What it names was made a moment ago: "not found" may not be the last word. */
  readonly fresh?: boolean;
  /** Statuses that are an answer here and no trouble, where the API itself gave it. */
  readonly accept?: readonly number[];
  /** Statuses that are, whoever gave it: a server may not know this request at all. */
  readonly acceptAny?: readonly number[];
}

/** An answer, and the how-manieth attempt it is of: from the second on an earlier one may have arrived unheard. */
export interface Answer {
  /** 200, or what `accept` named. */
  readonly status: number;
  readonly body: Resource;
  readonly attempt: number;
}

/** One project's API through Google's client, with time limits and retries of ours: the client has no time limits. */
export interface Api {
  readonly signal: AbortSignal;
  ask(request: Ask): Promise<Answer>;
  /** Waits before the next attempt, longer each time; `n` from 1. */
  backOff(n: number, reason: string): Promise<void>;
  /** Waits between two looks at the same job. */
  poll(n: number): Promise<void>;
}

/** An upload gets this much more for each MB. */
const PER_MB = 2_000;
const ATTEMPTS = 6;
const BASE = 500;
const CAP = 16_000;
/** A server that asks to wait longer is asked by a later run, in ms. */
const LONGEST = 60_000;

/** The client cannot be told to stop; so its requests are seen as Node makes them, each by the call that it is made for. */
const making = new AsyncLocalStorage<Set<ClientRequest>>();
subscribe('http.client.request.created', (message) => {
  if (
    typeof message === 'object' &&
    message !== null &&
    'request' in message &&
    message.request instanceof ClientRequest
  ) {
    making.getStore()?.add(message.request);
  }
});

/** Lets a call take so long and no longer, and ends it when the run is asked to stop. */
async function within<T>(ms: number, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw abortError(signal);
  const requests = new Set<ClientRequest>();
  const over = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  const { promise, reject } = Promise.withResolvers<never>();
  const end = (): void => {
    const late = { status: null, reason: '', message: `no answer within ${Math.round(ms / 1000)} s` };
    reject(signal.aborted ? abortError(signal) : new BigqueryTrouble(late));
    for (const request of requests) request.destroy();
  };
  over.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([promise, making.run(requests, call)]);
  } finally {
    over.removeEventListener('abort', end);
  }
}

function answer(client: BigQuery, { method = 'GET', path, qs, json, file }: Ask): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let media: ReadStream | null = null;
    const done = (error: Error | null, body?: unknown): void => {
      media?.destroy();
      if (error === null || error === undefined) resolve(body);
      else reject(error);
    };
    if (file === undefined) {
      client.request(
        { method, uri: path, ...(qs === undefined ? {} : { qs }), ...(json === undefined ? {} : { json }) },
        done,
      );
      return;
    }
    media = createReadStream(file).on('error', reject);
    const parts = [
      { 'Content-Type': 'application/json', body: JSON.stringify(json) },
      { 'Content-Type': 'application/octet-stream', body: media },
    ];
    const uri = `${client.apiEndpoint}/upload/bigquery/v2/projects/${client.projectId}${path}`;
    client.makeAuthenticatedRequest({ method, uri, qs: { uploadType: 'multipart' }, multipart: parts }, done);
  });
}

/** The status that an error is an answer with; null where it is trouble. */
function accepted({ accept = [], acceptAny = [] }: Ask, error: unknown): number | null {
  if (!(error instanceof BigqueryTrouble)) return null;
  const { status, foreign = false } = error.facts;
  const known = status !== null && (acceptAny.includes(status) || (accept.includes(status) && !foreign));
  return known ? status : null;
}

/** An answer without the shape of one is none: a proxy's page, an empty body where there must be one. */
function resourceOf(body: unknown, method: Ask['method']): Resource {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  if (method === 'DELETE') return {};
  const message = 'the answer is not what the BigQuery API answers';
  throw new BigqueryTrouble({ status: 502, reason: '', message, foreign: true });
}

async function clientOf(o: BigqueryOptions): Promise<BigQuery> {
  const authClient = await authClientOf(o);
  const { BigQuery: Client } = await import('@google-cloud/bigquery');
  const apiEndpoint = (o.api_endpoint ?? 'https://bigquery.googleapis.com').replace(/(\/bigquery\/v2)?\/*$/u, '');
  const settings = { projectId: o.project, apiEndpoint, autoRetry: false, userAgent: 'rollcall' };
  const client = new Client({ ...settings, ...(authClient === undefined ? {} : { authClient }) });
  // An emulator's variable in the environment would send a configured warehouse's requests elsewhere.
  client.baseUrl = `${client.apiEndpoint}/bigquery/v2`;
  return client;
}

/** A client keeps its access token and its connections; each configured warehouse has one. */
const clients = new WeakMap<BigqueryOptions, Promise<BigQuery>>();

function cached(o: BigqueryOptions): Promise<BigQuery> {
  const found = clients.get(o);
  if (found !== undefined) return found;
  const made = clientOf(o);
  clients.set(o, made);
  made.catch(() => clients.delete(o));
  return made;
}

/** Time for whoever still has something to say after he was asked to stop, in ms. */
const LAST_WORDS = 20_000;

/** Opens the API of the configured project. */
export async function openApi(o: BigqueryOptions, context: OpenContext, pace: Pace = REAL_PACE): Promise<Api> {
  const client = await cached(o);
  const signal = context.signal.aborted ? AbortSignal.timeout(LAST_WORDS) : context.signal;
  const backOff = async (n: number, reason: string, said?: number): Promise<void> => {
    const ms = said ?? Math.round(pace.random() * Math.min(CAP, BASE * 2 ** n));
    context.waiting(ms, reason);
    await pace.pause(ms, signal);
  };
  const once = async (request: Ask): Promise<Resource> => {
    const { file, method } = request;
    const limit =
      file === undefined ? pace.limit : pace.limit + PER_MB * Math.ceil((await stat(file)).size / 1_000_000);
    try {
      return resourceOf(await within(limit, signal, () => answer(client, request)), method);
    } catch (error) {
      throw signal.aborted ? abortError(signal) : requestTrouble(error);
    }
  };
  const ask = async (request: Ask): Promise<Answer> => {
    let attempt = 0;
    const send = async (): Promise<Answer> => {
      attempt += 1;
      try {
        return { status: 200, body: await once(request), attempt };
      } catch (error) {
        const status = accepted(request, error);
        if (status === null) throw error;
        return { status, body: {}, attempt };
      }
    };
    const retried = pRetry(send, {
      retries: ATTEMPTS - 1,
      minTimeout: 0,
      signal,
      shouldRetry: async ({ error }) => {
        if (!(error instanceof BigqueryTrouble)) return false;
        const { facts } = error;
        if (!isShort(facts) && !(request.fresh === true && isMissing(facts))) return false;
        if ((facts.waitMs ?? 0) > LONGEST) return false;
        await backOff(attempt, `BigQuery: ${facts.message}`, facts.waitMs);
        return true;
      },
    });
    return retried.catch((error: unknown) => {
      throw signal.aborted ? abortError(signal) : error;
    });
  };
  return { signal, ask, backOff, poll: (n) => pace.pause(Math.min(3000, 50 * 1.6 ** n), signal) };
}
