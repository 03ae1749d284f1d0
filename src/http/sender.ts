import type { Budget } from '../contract/budget.ts';
import type { Call, Request } from '../contract/io.ts';
import { address, onward } from './address.ts';
import { errorText } from './body.ts';
import { failed, networkTrouble, type Scene } from './failure.ts';
import type { HttpWatch } from './patience.ts';
import type { Patience } from './retry.ts';
import type { Credentials } from './session.ts';
import type { Timing } from './timing.ts';
import type { Incoming, Wire } from './wire.ts';

const MAX_REDIRECTS = 5;

type SessionHeaders = Readonly<Record<string, string>>;

/** What it takes to send one connection's requests. */
export interface SenderParts {
  readonly scene: Scene;
  readonly wire: Wire;
  readonly credentials: Credentials;
  readonly budget: Budget;
  readonly limits: Readonly<Record<Call, number>>;
  readonly patience: Patience;
  readonly watch: HttpWatch;
  readonly timing: Timing;
}

/** Waits until the budget has room for this request, and takes it. Our own pacing is not bounded by patience. */
async function pace({ scene, budget, limits, patience }: SenderParts, request: Request): Promise<void> {
  for (;;) {
    patience.signal.throwIfAborted();
    const ms = await budget.spend(`${scene.connection} ${request.endpoint}`, limits[request.call]);
    if (ms <= 0) return;
    await patience.wait(ms, 'budget');
  }
}

async function open(parts: SenderParts, url: URL, request: Request, session: SessionHeaders): Promise<Incoming> {
  const { scene, wire, patience, watch, timing } = parts;
  const { call, endpoint } = request;
  const begun = timing.now();
  watch.sent(call, endpoint);
  try {
    const incoming = await wire.open(url, request, session, patience.signal);
    watch.answered(call, endpoint, incoming.status, timing.now() - begun);
    return incoming;
  } catch (error) {
    watch.answered(call, endpoint, 'error', timing.now() - begun);
    throw error instanceof Error ? networkTrouble(scene, request, error) : error;
  }
}

/** The words of an error's body. Where the connection breaks in it, its status alone has to tell what happened. */
export async function errorWords(incoming: Incoming): Promise<string> {
  return errorText(incoming).catch(() => '');
}

/**
 * Sends a request once: spends its budget, follows redirects within the origin (each one more request). The answer may
 * have any status; its body is unread. Throws Trouble where there is none.
 */
async function sendOnce(parts: SenderParts, request: Request, session: SessionHeaders): Promise<Incoming> {
  const { scene } = parts;
  const { endpoint } = request;
  let url = address(scene.api.base, request);
  if (url === null)
    throw failed(scene, request, `${endpoint} cannot be asked for an id of dots alone.`, { kind: 'bad-data' });
  for (let hops = 0; ; hops++) {
    await pace(parts, request);
    const incoming = await open(parts, url, request, session);
    const next = onward(incoming.status, incoming.headers, url, request);
    if (next === null) return incoming;
    await errorWords(incoming);
    if ('refuse' in next || hops === MAX_REDIRECTS) {
      const where = 'refuse' in next ? `to ${next.refuse}, where it may not be sent` : 'again and again';
      const words = `${endpoint} is redirected ${where}. Set base_url to the address of the API itself.`;
      throw failed(scene, request, words, { kind: 'config', status: incoming.status });
    }
    url = next.follow;
  }
}

/** Sends a request, and once more with a new session where it is answered 401 and there is one to be had. */
export async function reach(parts: SenderParts, request: Request): Promise<Incoming> {
  const session = await parts.credentials.headers();
  const incoming = await sendOnce(parts, request, session);
  if (incoming.status !== 401 || !(await parts.credentials.renewed(session))) return incoming;
  await errorWords(incoming);
  parts.patience.retried('session renewed');
  return sendOnce(parts, request, await parts.credentials.headers());
}
