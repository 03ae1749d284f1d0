import { afterEach } from 'vitest';
import type { Call } from '../../src/contract/io.ts';
import type { JsonObject } from '../../src/contract/json.ts';
import type { Chosen, Chunk, Reader, Source } from '../../src/contract/source.ts';
import { type PylonApi, startPylon } from '../../src/demo/pylon/server.ts';
import { RollcallError } from '../../src/errors.ts';
import { memoryBudget } from '../../src/http/budget.ts';
import { makeIo } from '../../src/http/client.ts';
import { sources } from '../../src/sources/registry.ts';
import { exampleDriver, type LocalApi, type SourceDriver, sourceDrivers } from './drivers.ts';

const NO_LIMITS = { list: 0, get: 0, search: 0, write: 0 };

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The driver of a source: a registered one's, or the example's. */
export const driverOf = (source: Source): SourceDriver | undefined =>
  source.name === 'crewboard' ? exampleDriver : sourceDrivers[source.name];

/** Starts the local API of a source; it is closed after the test. */
export async function startApi(source: Source, users: number): Promise<LocalApi> {
  const driver = driverOf(source);
  if (driver === undefined) throw new Error(`test/support/drivers.ts has no driver for ${source.name}`);
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
export function connect(
  source: Source,
  options: Record<string, unknown>,
  limits: Readonly<Record<Call, number>> = NO_LIMITS,
): { reader: Reader; waits: number[] } {
  const parsed = source.options.parse(options);
  let clock = Date.parse('2026-11-01T00:00:00Z');
  const waits: number[] = [];
  const io = makeIo({
    api: source.api(parsed),
    connection: CONNECTION,
    limits,
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
