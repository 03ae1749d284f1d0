import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isAbort } from '../../errors.ts';
import type { Limits } from '../local/limits.ts';
import { listen, stopListening } from '../local/listen.ts';
import { type FaultAnswer, type Faults, makeFaults } from './faults.ts';
import { JULY_LIMITS } from './limits.ts';
import { type Logged, makeResponder } from './responder.ts';
import { makeWorld, type PylonWorld } from './world.ts';

/** A region of the vendor; a token is worth nothing in the other one. */
export type Region = 'us' | 'eu';

/** How to start the demo API. */
export interface PylonOptions {
  /** Users of a world made for this server (default 100), by this seed (default 1). */
  readonly users?: number;
  readonly seed?: number;
  /** The world to serve instead. */
  readonly world?: PylonWorld;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly token?: string;
  /** Default us. */
  readonly region?: Region;
  /** Requests a minute and endpoint, by kind of call; 0 = none. Default: the vendor's lowest published. */
  readonly limits?: Partial<Limits>;
  /** Clock of the limits, the log and the signed avatars. */
  readonly now?: () => number;
  /** How a slow answer is waited for; rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** A running demo API. */
export interface PylonApi {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string;
  /** A token that is right, but in the other region. */
  readonly foreignToken: string;
  readonly world: PylonWorld;
  readonly faults: Faults;
  /** Every request received, in order. */
  readonly log: readonly Logged[];
  /** Stops listening and cuts every open connection. */
  close(): Promise<void>;
}

/** Starts a local Pylon API on 127.0.0.1. The caller closes it. Throws when the port is taken. */
export async function startPylon(options: PylonOptions = {}): Promise<PylonApi> {
  const { token = 'pyl_demo', region = 'us', now = Date.now } = options;
  const foreignToken = `${token}.${region === 'us' ? 'eu' : 'us'}`;
  const world = options.world ?? makeWorld(options.users ?? 100, options.seed ?? 1);
  const { strike, ...faults } = makeFaults<FaultAnswer>();
  const log: Logged[] = [];
  const closing = new AbortController();
  const respond = makeResponder({
    world,
    token,
    foreignToken,
    limits: { ...JULY_LIMITS, ...options.limits },
    strike,
    log,
    now,
    wait: options.wait ?? ((ms, signal) => delay(ms, undefined, { signal })),
    signal: closing.signal,
  });
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      response.destroy();
      // A wait that closing cut short is expected; anything else is a bug and must be seen.
      if (!isAbort(error)) throw error;
    });
  });
  const port = await listen(server, options.port ?? 0, 'Pylon');
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    foreignToken,
    world,
    faults,
    log,
    close: () => {
      closing.abort();
      return stopListening(server);
    },
  };
}
