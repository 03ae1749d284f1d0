import { afterEach } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import type { Chosen, Chunk, Reader, Source } from '../../src/contract/source.ts';
import { type FaultAnswer, ODD_ANSWERS } from '../../src/demo/pylon/faults.ts';
import { type PylonApi, startPylon } from '../../src/demo/pylon/server.ts';
import { RollcallError } from '../../src/errors.ts';
import { memoryBudget } from '../../src/http/budget.ts';
import { makeIo } from '../../src/http/client.ts';
import { sources } from '../../src/sources/registry.ts';

/** Answers that are no page of a listing, although some look like success. */
export const ODDITIES = ['html', 'empty', 'no content', 'null', 'errors', 'cut', 'text'] as const;
export type Oddity = (typeof ODDITIES)[number];

/** A source's local API, as the contract suite needs it. */
export interface LocalApi {
  /** Options of a connection to it, as they would stand in the config. */
  readonly options: Record<string, unknown>;
  /** The same with credentials that it refuses, by what is wrong with them. */
  readonly refused: Readonly<Record<string, Record<string, unknown>>>;
  /** What must never be shown. */
  readonly secrets: readonly string[];
  /** The listed users as they are sent, in order. */
  listed(): JsonObject[];
  /** Takes a user away for good. */
  remove(id: string): void;
  /** The listing's answers are this from the nth request of it on. */
  spoilListing(oddity: Oddity, nth: number): void;
  /** Lookups of a user by id are answered 404 by somebody who is not the API: with a page, or with other JSON. */
  gatewayLookups(body: 'html' | 'json'): void;
  /** Answers to the listing so far. */
  listings(): number;
  close(): Promise<void>;
}

/** How the contract suite gets a source's API. */
export interface SourceDriver {
  /** Users that make more than two pages or pieces of a listing. */
  readonly many: number;
  start(users: number): Promise<LocalApi>;
}

const PYLON_ODDITIES: Readonly<Record<Oddity, FaultAnswer>> = {
  html: ODD_ANSWERS.html,
  empty: ODD_ANSWERS.empty,
  'no content': ODD_ANSWERS.noContent,
  null: ODD_ANSWERS.null,
  errors: ODD_ANSWERS.errors,
  cut: { kind: 'cut', part: 0.6 },
  text: { kind: 'body', body: 'OK', type: 'text/plain' },
};

/** A fault that stays. */
const FOR_EVER = Number.POSITIVE_INFINITY;

function pylonApi(api: PylonApi): LocalApi {
  const options = { token: api.token, base_url: api.url };
  const gateway = {
    html: { kind: 'body', status: 404, type: 'text/html', body: '<html><title>Not here</title></html>' },
    json: { kind: 'body', status: 404, body: '{"message":"no route matched"}' },
  } as const;
  return {
    options,
    refused: {
      'a wrong token': { ...options, token: 'pyl_secret_of_nobody' },
      'a token of the other region': { ...options, token: api.foreignToken },
      'a token that is no header': { ...options, token: 'pyl two words' },
    },
    secrets: [api.token, api.foreignToken, 'pyl_secret_of_nobody', 'pyl two words'],
    listed: () => JSON.parse(JSON.stringify(api.world.users())),
    remove: (id) => api.world.remove(id),
    spoilListing: (oddity, nth) =>
      void api.faults.add({ when: { path: '/users', nth }, answer: PYLON_ODDITIES[oddity], times: FOR_EVER }),
    gatewayLookups: (body) =>
      void api.faults.add({ when: { path: '/users/{id}' }, answer: gateway[body], times: FOR_EVER }),
    listings: () => api.log.filter((entry) => /^\/users(\?|$)/.test(entry.path)).length,
    close: () => api.close(),
  };
}

const NO_LIMITS = { list: 0, get: 0, search: 0, write: 0 };

/** One driver for every registered source, by its name. */
export const sourceDrivers: Readonly<Record<string, SourceDriver>> = {
  pylon: { many: 2500, start: async (users) => pylonApi(await startPylon({ users, limits: NO_LIMITS })) },
};

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Starts the local API of a source; it is closed after the test. */
export async function startApi(source: Source, users: number): Promise<LocalApi> {
  const driver = sourceDrivers[source.name];
  if (driver === undefined) throw new Error(`test/support/sources.ts has no driver for ${source.name}`);
  const api = await driver.start(users);
  closers.push(() => api.close());
  return api;
}

/** Starts the demo's Pylon without limits; it is closed after the test. */
export async function startPylonApi(users: number): Promise<PylonApi> {
  const api = await startPylon({ users, limits: NO_LIMITS });
  closers.push(() => api.close());
  return api;
}

/** Name of the connection whose errors are looked at. */
export const CONNECTION = 'helpdesk';

/** A reader through the real HTTP client, whose waits take no time. */
export function connect(source: Source, options: Record<string, unknown>): { reader: Reader; waits: number[] } {
  const parsed = source.options.parse(options);
  let clock = Date.parse('2026-11-01T00:00:00Z');
  const waits: number[] = [];
  const io = makeIo({
    api: source.api(parsed),
    connection: CONNECTION,
    limits: NO_LIMITS,
    budget: memoryBudget(() => clock),
    signal: new AbortController().signal,
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
      sent: () => undefined,
      answered: () => undefined,
      retried: () => undefined,
      waiting: (ms) => void waits.push(ms),
      waited: () => undefined,
    },
  });
  closers.push(() => io.close());
  return { reader: source.reader(parsed, io), waits };
}

/** The registered Pylon, and a reader of this API through it. */
export function connectPylon(api: PylonApi, options: Record<string, unknown> = {}) {
  const source = sources.pylon;
  if (source === undefined) throw new Error('pylon is not registered');
  return { source, ...connect(source, { token: api.token, base_url: api.url, ...options }) };
}

/** What a listing yielded before it ended or failed. */
export interface Listed {
  readonly chunks: readonly Chunk[];
  readonly error: RollcallError | null;
}

/** Reads a listing to its end or to its failure. Anything but an error of ours is passed on. */
export async function listAll(reader: Reader, from: string | null = null): Promise<Listed> {
  const chunks: Chunk[] = [];
  try {
    for await (const chunk of reader.list(from)) chunks.push(chunk);
    return { chunks, error: null };
  } catch (error) {
    if (error instanceof RollcallError) return { chunks, error };
    throw error;
  }
}

/** Records of chunks in order. */
export const recordsOf = (chunks: readonly Chunk[]) => chunks.flatMap((chunk) => chunk.records);

/** The error of something that must fail with one of ours. */
export async function failure(work: Promise<unknown>): Promise<RollcallError> {
  const thrown: unknown = await work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (thrown instanceof RollcallError) return thrown;
  throw thrown;
}

/** Every record that a lookup finds. */
export const findAll = (reader: Reader, by: Chosen): Promise<JsonObject[]> => Array.fromAsync(reader.find(by));

/** A record without the queries of its volatile addresses, which are another in every answer. */
export function steadied<T>(source: Source, record: T): T {
  const cut = (key: string, value: unknown): unknown =>
    source.volatile.includes(key) && typeof value === 'string' ? value.split('?')[0] : value;
  return JSON.parse(JSON.stringify(record), cut);
}
