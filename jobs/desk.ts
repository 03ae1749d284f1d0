import type { Config } from '../config/types.ts';
import { explained } from '../src/journal/explained.ts';
import type { AnyQueue } from './queue/backend.ts';
import { ill, unreachable } from './queue/link.ts';
import { openBackend } from './queue/open-backend.ts';
import type { RunData, RunProgress, RunResult } from './requests.ts';
import { ATTEMPTS } from './retrying.ts';
import { newJobId, PRIORITY } from './schedules.ts';
import { isAway } from './store/patient-pool.ts';

/** A run that was handed over, as its queue knows it. */
export interface Handed {
  readonly job_id: string;
  /** `waiting`, `prioritized`, `delayed` (parked or backing off), `active`, `completed` or `failed`. */
  readonly state: string;
  readonly attempts: number;
  readonly progress: RunProgress | null;
  readonly result: RunResult | null;
  readonly failed: string | null;
}

/** Where runs are handed over, and asked after. */
export interface Desk {
  /** Returns the job's id. */
  enqueue(data: RunData): Promise<string>;
  /** Null for a job that the queue does not know, or no more. */
  look(job_id: string): Promise<Handed | null>;
  close(): Promise<void>;
}

/** The desk at a queue that is open already. */
export function deskOf(runs: AnyQueue<RunData, RunResult>): Omit<Desk, 'close'> {
  return {
    enqueue: async (data) => {
      const job = await runs.add(data.kind, data, { ...ATTEMPTS, jobId: newJobId(), priority: PRIORITY.enqueue });
      return job.id ?? '';
    },
    look: async (job_id) => {
      const job = await runs.getJob(job_id);
      if (job === undefined) return null;
      const { progress, returnvalue, attemptsMade, failedReason } = job;
      return {
        job_id,
        state: await job.getState(),
        attempts: attemptsMade,
        // Written by the worker's own jobs; 0 before the first time.
        progress: typeof progress === 'object' ? (progress as RunProgress) : null,
        result: returnvalue ?? null,
        failed: failedReason ?? null,
      };
    },
  };
}

/** The same, whose errors say which queue does not answer. */
function toldApart(desk: Omit<Desk, 'close'>, url: string): Omit<Desk, 'close'> {
  return explained(desk, (error) => (isAway(error) ? unreachable(url, error) : ill(url, error)));
}

/** How long a command waits for the queue, in ms. */
const PATIENCE_MS = 5000;

/** The desk of a queue on a server, for a command beside the workers. */
export async function openDesk(config: Config): Promise<Desk> {
  const backend = await openBackend(config, { ms: PATIENCE_MS, warn: () => undefined, fatal: () => undefined });
  const runs = backend.queue<RunData, RunResult>('runs');
  // What is asked says what went wrong; a client without a listener would print it as well.
  runs.on('error', () => undefined);
  const close = async (): Promise<void> => {
    await runs.close();
    await backend.store.close();
    await backend.close();
  };
  return { ...toldApart(deskOf(runs), config.queue.url), close };
}
