import type { Call, Io } from '../contract/io.ts';
import { backoff, type Patience, type WaitReason } from './retry.ts';
import { realTiming, type Timing } from './timing.ts';

/** Told what goes over the wire. Calls must not throw. */
export interface HttpWatch {
  /** A request is being sent; every retry and every redirect is one more. */
  sent(call: Call, endpoint: string): void;
  /** Its answer began, or there will be none; `ms` since it was sent. */
  answered(call: Call, endpoint: string, status: number | 'error', ms: number): void;
  /** An answer is asked for again. */
  retried(reason: string): void;
  waiting(ms: number, reason: WaitReason): void;
  /** A wait is over, or was given up; `ms` it took. */
  waited(ms: number, reason: WaitReason): void;
}

/** How one connection waits: abortable, and seen by who watches. */
export function makePatience(patienceMs: number, signal: AbortSignal, watch: HttpWatch, timing: Timing): Patience {
  return {
    patienceMs,
    signal,
    random: timing.random,
    retried: (reason) => watch.retried(reason),
    async wait(ms, why) {
      watch.waiting(ms, why);
      const begun = timing.now();
      try {
        await timing.sleep(ms, signal);
      } finally {
        watch.waited(timing.now() - begun, why);
      }
    },
  };
}

/** What the readers of listings need beside requests. */
interface Owner {
  readonly connection: string;
  readonly patience: Patience;
  /** Takes the connection's secrets out of a text. */
  redact(text: string): string;
}

// The contract's Io has no waiting, for sources have no business with it; the page readers of this layer do.
const owners = new WeakMap<Io, Owner>();

/** Remembers whose Io this is, for those below. */
export function own(io: Io, owner: Owner): void {
  owners.set(io, owner);
}

/** Name of the connection that an Io belongs to; "" for one that was not made here. */
export function ownerOf(io: Io): string {
  return owners.get(io)?.connection ?? '';
}

/** What takes the secrets of the Io's connection out of a text. */
export function redactOf(io: Io): (text: string) => string {
  return (text) => owners.get(io)?.redact(text) ?? text;
}

/** Waits as long as a server asked to; false, at once, when that is longer than this process waits. */
export async function waitAsAsked(io: Io, ms: number): Promise<boolean> {
  const patience = owners.get(io)?.patience;
  if (patience === undefined || ms > patience.patienceMs) return false;
  await patience.wait(ms, 'rate-limit');
  return true;
}

/** Backs off before an answer that came in good order, but without its list, is asked for again. */
export async function askAgain(io: Io, retry: number, reason: string): Promise<void> {
  const patience = owners.get(io)?.patience;
  if (patience === undefined) return realTiming.sleep(backoff(retry, realTiming.random()), io.signal);
  await patience.wait(backoff(retry, patience.random()), 'backoff');
  patience.retried(reason);
}
