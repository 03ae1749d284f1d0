import type { Config, Connection } from '../config/types.ts';
import type { Budget } from '../src/contract/budget.ts';
import type { Observer } from '../src/contract/run.ts';
import type { HttpWatch } from '../src/http/client.ts';
import type { Deps } from '../src/sync/settings.ts';
import type { Facts } from './facts.ts';
import type { Locks } from './locks.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { AnyQueue, Backend } from './queue/backend.ts';
import type { RunData, RunResult, TickData } from './requests.ts';
import type { Sessions } from './sessions.ts';

/** What a worker gives a run. */
export interface WorkerSurroundings {
  readonly observer: Observer;
  readonly signal: AbortSignal;
  readonly patienceMs: number;
  budget(): { readonly budget: Budget; close(): void };
  lease: Deps['lease'];
  open: Deps['open'];
  answered: HttpWatch['answered'];
  waited: HttpWatch['waited'];
}

/** What the worker does not make itself: given by whoever starts it. */
export interface Tools {
  readonly log: Log;
  /** This host, as people know it. */
  readonly host: string;
  readonly secrets: (text: string) => string;
  /** The parts of a run of one connection. */
  deps(connection: Connection, around: WorkerSurroundings): Deps;
  /** Opens the configured warehouse as a command would. */
  open(
    access: 'read' | 'write',
    signal: AbortSignal,
    waiting: (ms: number, reason: string) => void,
  ): ReturnType<Deps['open']>;
  /** Takes the connection's lease on this host. */
  lease(connection: string): () => void;
  /** Nothing can go on: ends the process. */
  fatal(error: Error): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** A job of the queue `alerts`: the webhook has yet to take something of this connection. */
export interface AlertData {
  readonly connection: string;
}

/** Everything that the jobs of one worker work with. */
export interface Workshop {
  readonly config: Config;
  readonly tools: Tools;
  readonly backend: Backend;
  readonly facts: Facts;
  readonly locks: Locks;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly budget: Budget;
  readonly ticks: AnyQueue<TickData, string>;
  readonly runs: AnyQueue<RunData, RunResult>;
  readonly alerts: AnyQueue<AlertData, number>;
  /** Asks everything to come to an end. */
  readonly stopping: AbortSignal;
}
