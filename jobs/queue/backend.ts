import type { IQueueBackend, Job, JobProgress, Processor, Queue, Worker, WorkerOptions } from 'bullmq';
import type { Store } from '../store/store.ts';

/** A queue of BullMQ, whatever it is kept in. */
export type AnyQueue<Data, Result> = Queue<Data, Result, string, Data, Result, string, IQueueBackend, unknown>;

/** A worker of BullMQ, whatever its queue is kept in. */
export type AnyWorker<Data, Result> = Worker<Data, Result, string, IQueueBackend, JobProgress, unknown>;

/** A job of one of our queues. */
export type AnyJob<Data, Result> = Job<Data, Result, string>;

/** The queues of one configuration. `ticks` start `runs`; `alerts` are on their way to the webhook. */
export type QueueName = 'ticks' | 'runs' | 'alerts';

/** What a worker's jobs are done with. */
export interface Handling<Data, Result> {
  readonly process: Processor<Data, Result, string>;
  readonly options: Pick<WorkerOptions, 'concurrency' | 'settings'>;
}

/** Where jobs are kept. Made by `openBackend`; everything made by it is closed before it is. */
export interface Backend {
  readonly kind: 'embedded' | 'redis' | 'postgres';
  /** For people: without a password. */
  readonly place: string;
  readonly store: Store;
  queue<Data, Result>(name: QueueName): AnyQueue<Data, Result>;
  worker<Data, Result>(name: QueueName, handling: Handling<Data, Result>): AnyWorker<Data, Result>;
  /** Gives room back that old versions of rows take, where nobody else does. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}
