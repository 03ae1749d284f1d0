import type { Budget } from '../contract/budget.ts';
import type { Answer, Call, Io, Part, Request } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import type { Api, Login, Session } from '../contract/source.ts';
import { hostAndPort } from './address.ts';
import { parseBody, refusePage, wholeBody } from './body.ts';
import { bodyTrouble, networkTrouble, type Scene, statusTrouble } from './failure.ts';
import { claimsJson } from './gateway.ts';
import { type ListPart, listParts } from './list-body.ts';
import { type HttpWatch, makePatience, own } from './patience.ts';
import { headerSecrets, learningRedactor } from './redact.ts';
import { outward, retrying } from './retry.ts';
import { serverWait } from './retry-after.ts';
import { errorWords, reach, type SenderParts } from './sender.ts';
import { type Credentials, FIXED, makeCredentials } from './session.ts';
import { realTiming, type Timing } from './timing.ts';
import { BodyProblem } from './trouble.ts';
import { type Incoming, makeWire, type Timeouts } from './wire.ts';

export type { HttpWatch } from './patience.ts';
export type { Timing } from './timing.ts';
export type { Timeouts } from './wire.ts';

/** What one connection's client is made of. */
export interface IoOptions {
  readonly api: Api;
  readonly connection: string;
  /** Requests a minute by kind of call; 0: no budget. */
  readonly limits: Readonly<Record<Call, number>>;
  readonly budget: Budget;
  readonly signal: AbortSignal;
  /** Longest stretch that one request waits because the server asked for it: 120000 in a command, 10000 in a worker. */
  readonly patienceMs: number;
  /** Default 512 MiB. */
  readonly maxBodyBytes?: number;
  /** Never shown in a message; what the API's headers hold is known anyway. */
  readonly secrets?: readonly string[];
  readonly watch: HttpWatch;
  /** Default: 10 s to connect, 60 s of silence. */
  readonly timeouts?: Timeouts;
  /** Default: the real clock. */
  readonly timing?: Timing;
  /** Connections open at a time, at least 2. Default 8. */
  readonly concurrency?: number;
}

const MAX_BODY_BYTES = 512 * 1024 * 1024;
const TIMEOUTS: Timeouts = { connectMs: 10_000, idleMs: 60_000 };

/** Statuses whose answers have no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 205]);

/** The JSON of an error's body; undefined where it is none, or was written by somebody else than the API. */
function errorBody(incoming: Incoming, text: string): Json | undefined {
  if (!claimsJson(incoming.headers['content-type'], text)) return undefined;
  try {
    return parseBody(text);
  } catch (problem) {
    // The status says what happened, also where the body that should explain it is broken.
    if (problem instanceof BodyProblem) return undefined;
    throw problem;
  }
}

/** What an error met while reading a body means for the request. */
function whileReading(scene: Scene, request: Request, status: number, error: unknown): unknown {
  if (error instanceof BodyProblem) return bodyTrouble(scene, request, status, error);
  return error instanceof Error && 'code' in error ? networkTrouble(scene, request, error) : error;
}

/** What to make of an answer: of one with status 2xx, and of an error status that the request accepts. */
interface Use<T> {
  good(incoming: Incoming): Promise<T>;
  accepted(incoming: Incoming, body: Json): T;
}

async function attempt<T>(parts: SenderParts, request: Request, use: Use<T>): Promise<T> {
  const incoming = await reach(parts, request);
  const { status, headers } = incoming;
  if (status >= 200 && status < 300) {
    try {
      return await use.good(incoming);
    } catch (error) {
      throw whileReading(parts.scene, request, status, error);
    }
  }
  const text = await errorWords(incoming);
  const body = errorBody(incoming, text);
  // Only an object is the API's own word: a gateway's page with the same status is trouble.
  if (request.accept?.includes(status) && isObject(body)) return use.accepted(incoming, body);
  if (request.accept?.includes(status) && request.anyBody === true) return use.accepted(incoming, {});
  const serverMs = serverWait(headers, parts.timing.now());
  throw statusTrouble(parts.scene, request, { status, headers, text, body, serverMs });
}

async function answerBody(incoming: Incoming): Promise<Json> {
  if (!BODILESS.has(incoming.status)) {
    await refusePage(incoming);
    return wholeBody(incoming);
  }
  await errorWords(incoming);
  return null;
}

/** A listing's answer whose beginning was read within the retries; the rest is read outside of them. */
interface Opened {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly first: ListPart;
  readonly rest: AsyncGenerator<ListPart, void> | null;
}

async function openList(incoming: Incoming, items: string | null): Promise<Opened> {
  await refusePage(incoming);
  const rest = listParts(incoming.body, items);
  const first = await rest.next();
  if (first.done === true) throw new BodyProblem('empty', 'has no body');
  return { status: incoming.status, headers: incoming.headers, first: first.value, rest };
}

async function* readList(parts: SenderParts, request: Request, items: string | null): AsyncGenerator<Part, void> {
  const { patience, scene } = parts;
  const use: Use<Opened> = {
    good: (incoming) => openList(incoming, items),
    accepted: ({ status, headers }, body) => {
      const envelope = isObject(body) ? body : {};
      return { status, headers, first: { items: [], envelope, found: false }, rest: null };
    },
  };
  const { status, headers, first, rest } = await retrying(() => attempt(parts, request, use), patience);
  try {
    yield { ...first, headers };
    if (rest === null) return;
    for await (const part of rest) yield { ...part, headers };
  } catch (error) {
    const trouble = whileReading(scene, request, status, error);
    throw outward(trouble, patience.signal);
  } finally {
    // Who stops reading early gives the connection back.
    await rest?.return();
  }
}

/** Logs in through the same budgets, retries and error words as everything else, with the login's own headers. */
function credentialsOf(parts: SenderParts, login: Login, learn: (secrets: readonly string[]) => void): Credentials {
  const { request, headers } = login;
  const alone: SenderParts = { ...parts, credentials: { ...FIXED, headers: async () => headers } };
  const use: Use<Session> = {
    good: async (incoming) => {
      const session = login.session(await answerBody(incoming));
      if (session === null) throw new BodyProblem('no session', 'is no login: it holds no access token', true);
      learn(headerSecrets(session.headers));
      return session;
    },
    accepted: () => {
      throw new Error('a login accepts no error status');
    },
  };
  const enter = (): Promise<Session> => retrying(() => attempt(alone, request, use), parts.patience);
  return makeCredentials({ atOnce: login.atOnce, enter, now: () => parts.timing.now() });
}

function senderParts(options: IoOptions): SenderParts {
  const { api, connection, budget, limits, watch } = options;
  const timing = options.timing ?? realTiming;
  const { login } = api;
  const { redact, learn } = learningRedactor([
    ...(options.secrets ?? []),
    ...headerSecrets(api.headers),
    ...headerSecrets(login?.headers ?? {}),
  ]);
  const parts: SenderParts = {
    scene: { connection, api, target: hostAndPort(new URL(api.base)), redact },
    credentials: FIXED,
    wire: makeWire({
      headers: api.headers,
      timeouts: options.timeouts ?? TIMEOUTS,
      maxBodyBytes: options.maxBodyBytes ?? api.maxBodyBytes ?? MAX_BODY_BYTES,
      concurrency: Math.max(2, options.concurrency ?? 8),
    }),
    patience: makePatience(options.patienceMs, options.signal, watch, timing),
    budget,
    limits,
    watch,
    timing,
  };
  return login === undefined ? parts : { ...parts, credentials: credentialsOf(parts, login, learn) };
}

/** Never aborted. */
const UNSTOPPED = new AbortController().signal;

/**
 * A write that is under way is not given up when the run is asked to stop, for then nobody would know what became of
 * it. Its waits, before it is sent and before it is sent again, still are.
 */
function partsFor(request: Request, parts: SenderParts): SenderParts {
  if (request.call !== 'write') return parts;
  parts.patience.signal.throwIfAborted();
  return { ...parts, patience: { ...parts.patience, signal: UNSTOPPED } };
}

async function sendOne(parts: SenderParts, request: Request): Promise<Answer> {
  return retrying(
    () =>
      attempt(parts, request, {
        good: async (incoming) => {
          const body = await answerBody(incoming);
          return { status: incoming.status, headers: incoming.headers, body };
        },
        accepted: ({ status, headers }, body) => ({ status, headers, body }),
      }),
    parts.patience,
  );
}

/** Makes the Io of one connection. `close` drops its connections; call it when the run is over. */
export function makeIo(options: IoOptions): Io & { close(): void } {
  const parts = senderParts(options);
  const io: Io & { close(): void } = {
    signal: options.signal,
    send: async (request) => sendOne(partsFor(request, parts), request),
    read: (request, items) => readList(parts, request, items),
    close: () => parts.wire.close(),
  };
  own(io, { connection: options.connection, patience: parts.patience, redact: parts.scene.redact });
  return io;
}
