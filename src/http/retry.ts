import pRetry from 'p-retry';
import { RollcallError } from '../errors.ts';
import { abortError } from './timing.ts';
import { Trouble, type TroubleFacts } from './trouble.ts';

/** First ceiling of the backoff, and its largest. */
const BASE_MS = 500;
const CAP_MS = 8_000;
/** A request is sent at most this often while the server answers 429. */
const LIMITED_SENDS = 30;

/** Retries of short trouble, and of trouble that more often stays: a refused connection, a name unknown to DNS. */
export const RETRIES = 4;
export const FEW_RETRIES = 2;

/** Why a wait happens: `rate-limit` is the server's word, `backoff` ours, `budget` our own pacing. */
export type WaitReason = 'rate-limit' | 'backoff' | 'budget';

/** What a request has been through so far. */
export interface Tries {
  /** Retries that counted against the trouble's own number. */
  readonly counted: number;
  /** Answers 429. */
  readonly limited: number;
  /** Time waited because the server asked for it. */
  readonly waitedMs: number;
}

/** What to do after a failed attempt. */
export type Next =
  | { readonly do: 'again'; readonly ms: number; readonly why: WaitReason; readonly tries: Tries }
  | { readonly do: 'give-up' }
  | { readonly do: 'too-long'; readonly ms: number };

/** Exponential backoff with full jitter: anything from nothing up to a ceiling that doubles. */
export function backoff(retry: number, random: number): number {
  return Math.round(random * Math.min(CAP_MS, BASE_MS * 2 ** retry));
}

/** A server's wait gets no jitter. A server that says "at once" again and again is not believed after the first time. */
function limitedWait(facts: TroubleFacts, before: number, random: number): number {
  const said = facts.serverMs ?? null;
  if (said === null) return backoff(before, random);
  return before > 0 && said < BASE_MS ? Math.max(said, backoff(before, random)) : said;
}

/** The policy, without clock or network: what follows after `facts`, given what the request has been through. */
export function decide(tries: Tries, facts: TroubleFacts, patienceMs: number, random: number): Next {
  const limited = facts.limited ?? false;
  if (!limited && tries.counted >= facts.retries) return { do: 'give-up' };
  const told = facts.serverMs !== undefined && facts.serverMs !== null;
  if (!limited && !told) {
    const ms = backoff(tries.counted, random);
    return { do: 'again', ms, why: 'backoff', tries: { ...tries, counted: tries.counted + 1 } };
  }
  const ms = limitedWait(facts, limited ? tries.limited : 0, random);
  const waitedMs = tries.waitedMs + ms;
  if (waitedMs > patienceMs || tries.limited + 1 >= LIMITED_SENDS) return { do: 'too-long', ms: Math.max(ms, CAP_MS) };
  const counted = tries.counted + (limited ? 0 : 1);
  return {
    do: 'again',
    ms,
    why: 'rate-limit',
    tries: { counted, limited: tries.limited + (limited ? 1 : 0), waitedMs },
  };
}

function rateLimited(facts: TroubleFacts, ms: number, patienceMs: number): RollcallError {
  const { error } = facts;
  const wish =
    facts.serverMs === undefined || facts.serverMs === null
      ? 'the server keeps refusing more requests and does not say for how long'
      : `the server asks to wait ${Math.ceil(facts.serverMs / 1000)} s`;
  const message =
    `connection ${error.connection ?? ''}: rate limit of ${error.step}: ${wish}, and this process waits at most ` +
    `${Math.ceil(patienceMs / 1000)} s at a stretch. Run it again later: an open scan stays open and goes on where it is.`;
  return new RollcallError('rate-limited', message, {
    step: error.step,
    retryAfterMs: ms,
    ...(error.connection === undefined ? {} : { connection: error.connection }),
    ...(error.status === undefined ? {} : { status: error.status }),
  });
}

/** What the retry loop takes from the client. */
export interface Patience {
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  random(): number;
  /** Waits, and tells who watches. */
  wait(ms: number, why: WaitReason): Promise<void>;
  retried(reason: string): void;
}

/** The error that leaves this layer for one that was thrown inside it. */
export function outward(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return abortError(signal);
  return error instanceof Trouble ? error.facts.error : error;
}

/** Runs an attempt until it succeeds or the policy gives up. The only place that asks again. */
export async function retrying<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  let tries: Tries = { counted: 0, limited: 0, waitedMs: 0 };
  const again = async (error: Error): Promise<boolean> => {
    if (!(error instanceof Trouble)) return false;
    const next = decide(tries, error.facts, patience.patienceMs, patience.random());
    if (next.do === 'give-up') return false;
    if (next.do === 'too-long') throw rateLimited(error.facts, next.ms, patience.patienceMs);
    tries = next.tries;
    await patience.wait(next.ms, next.why);
    patience.retried(error.facts.reason);
    return true;
  };
  try {
    // The loop is the library's; number and length of the waits are ours, because they depend on the answer.
    return await pRetry(attempt, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      signal: patience.signal,
      shouldRetry: ({ error }) => again(error),
    });
  } catch (error) {
    throw outward(error, patience.signal);
  }
}
