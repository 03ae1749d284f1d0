import { EventEmitter } from 'node:events';
import { extname } from 'node:path';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { Answered, Asked } from './embedded-wire.ts';

/** A result as the `pg` driver gives it, as far as the queue looks. */
interface Result<R = unknown> {
  readonly rows: R[];
  readonly rowCount: number;
}

interface Waiting {
  resolve(result: Result): void;
  reject(error: Error): void;
}

type Query = (text: string, params?: readonly unknown[]) => Promise<Result>;

/** The same for callers who know what rows they asked for. */
type TypedQuery = <R>(text: string, params?: readonly unknown[]) => Promise<Result<R>>;

/** The thread with Postgres in it, as one function that runs statements one after the other. */
interface Thread {
  readonly query: Query;
  readonly events: EventEmitter;
  close(): Promise<void>;
}

/**
 * Postgres is WebAssembly. Compiled once more for speed it takes 600 MB while that is done, and a queue of some runs a
 * second does without.
 */
const PLAIN = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'] as const;

async function startThread(folder: string): Promise<Thread> {
  for (const flag of PLAIN) setFlagsFromString(flag);
  const entry = new URL(`./embedded-thread${extname(import.meta.url)}`, import.meta.url);
  // Flags of this process are for its own program.
  const worker = new Worker(entry, {
    workerData: { folder },
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const events = new EventEmitter();
  const waiting = new Map<number, Waiting>();
  const ready = Promise.withResolvers<void>();
  let closing = false;
  let last = 0;
  const fail = (error: Error): void => {
    ready.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    if (!closing && events.listenerCount('error') > 0) events.emit('error', error);
  };
  worker.on('message', (message: Answered) => {
    if (message.kind === 'ready') ready.resolve();
    else if (message.kind === 'notification') events.emit('notification', message);
    else {
      const one = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.kind === 'result') one?.resolve(message);
      else one?.reject(Object.assign(new Error(message.message), { code: message.code, detail: message.detail }));
    }
  });
  worker.on('error', (error) =>
    fail(error instanceof Error ? error : new Error(inspect(error, { breakLength: Infinity }))),
  );
  worker.on('exit', (status) => fail(new Error(`the thread of the embedded queue ended with ${status}`)));
  await ready.promise;
  return {
    events,
    query: (text, params) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        const asked: Asked = { id: last, text, params: params === undefined ? null : [...params] };
        worker.postMessage(asked);
      }),
    close: async () => {
      closing = true;
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      worker.postMessage('close');
      await ended;
    },
  };
}

/** A transaction holds the one session; everybody else's statements wait until it is over. */
function serialised(query: Query): { alone: Query; session(): Query } {
  let free: Promise<void> = Promise.resolve();
  const exclusive = async (): Promise<() => void> => {
    const before = free;
    const { promise, resolve } = Promise.withResolvers<void>();
    free = before.then(() => promise);
    await before;
    return resolve;
  };
  const alone: Query = async (text, params) => {
    const done = await exclusive();
    try {
      return await query(text, params);
    } finally {
      done();
    }
  };
  return {
    alone,
    session: () => {
      let end: (() => void) | null = null;
      return async (text, params) => {
        const word = /^\s*(\w+)/.exec(text)?.[1]?.toLowerCase() ?? '';
        if (end === null && word !== 'begin') return alone(text, params);
        end ??= await exclusive();
        try {
          return await query(text, params);
        } finally {
          if (word === 'commit' || word === 'rollback') {
            end();
            end = null;
          }
        }
      };
    },
  };
}

/**
 * An in-process Postgres with the shape of a `pg` pool, as the queue's Postgres backend needs it: single statements,
 * clients with transactions, LISTEN and NOTIFY. Its files are in `folder`, which no other process may use meanwhile.
 */
export async function embeddedPool(folder: string) {
  const thread = await startThread(folder);
  const { alone, session } = serialised(thread.query);
  const events = new EventEmitter();
  events.setMaxListeners(0);
  thread.events.on('error', (error: Error) => events.emit('error', error));
  thread.events.setMaxListeners(0);
  const client = () => {
    const own = new EventEmitter();
    const hear = (message: unknown): void => {
      own.emit('notification', message);
    };
    thread.events.on('notification', hear);
    return Object.assign(own, {
      query: session() as TypedQuery,
      // Tells the backend that this connection cannot drop in silence.
      connection: { stream: { setKeepAlive: () => undefined } },
      release: () => {
        thread.events.off('notification', hear);
      },
    });
  };
  return Object.assign(events, {
    query: alone as TypedQuery,
    connect: async () => {
      // Statements name no schema: each session looks into the queue's.
      const made = client();
      events.emit('connect', made);
      return made;
    },
    end: thread.close,
  });
}
