import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  Queue,
  runMigrations,
  Worker,
} from 'bullmq';
import type { Config } from '../../config/types.ts';
import { RollcallError } from '../../src/errors.ts';
import { makeFolder } from '../../src/journal/database.ts';
import { explained } from '../../src/journal/explained.ts';
import { lockFile } from '../../src/journal/lease.ts';
import { fileStore } from '../store/file-store.ts';
import type { Store } from '../store/store.ts';
import type { Backend } from './backend.ts';
import { makeFiles } from './embedded-files.ts';
import { embeddedPool } from './embedded-pool.ts';
import { ill, placeOf, unreachable } from './link.ts';
import { linkPostgres, QUEUE_SCHEMA } from './postgres-link.ts';
import { linkRedis } from './redis-link.ts';

/**
 * A job whose worker does not renew its lock for so long is another worker's to take, and how often each worker looks for
 * such jobs, in ms. Who starts again with an embedded queue is alone and waits for its own former life only.
 */
const LOCKS = {
  server: { lockDuration: 20_000, stalledInterval: 5000 },
  embedded: { lockDuration: 8000, stalledInterval: 2000 },
} as const;
/** A long scan may meet that many restarts of its worker; each goes on at its page. */
const MAX_STALLED = 50;
/** A Redis that loses writes, or a queue without an end, is bounded by this: finished jobs are kept for a look back. */
const KEEP = {
  removeOnComplete: { age: 24 * 3600, count: 5000 },
  removeOnFail: { age: 7 * 24 * 3600, count: 5000 },
};

/** What differs between the kinds of queue. */
interface Link {
  readonly kind: Backend['kind'];
  readonly place: string;
  readonly store: Store;
  readonly connection: unknown;
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  tidy(): Promise<void>;
  close(): Promise<void>;
}

const nothing = async (): Promise<void> => undefined;

/** How a queue is opened. */
export interface Opening {
  /** How long a server that does not answer is waited for. */
  readonly ms: number;
  warn(message: string): void;
  /** The embedded queue broke down under way: nothing can go on. */
  fatal(error: Error): void;
}

function backendOf(link: Link, prefix: string): Backend {
  const { kind, place, store, connection, factory } = link;
  const options = { connection, prefix: `{${prefix}}` };
  return {
    kind,
    place,
    store,
    queue: (name) =>
      new Queue(
        `${prefix}-${name}`,
        { ...options, defaultJobOptions: KEEP, streams: { events: { maxLen: 1000 } } },
        factory,
      ),
    worker: (name, { process, options: own }) =>
      new Worker(
        `${prefix}-${name}`,
        process,
        {
          ...options,
          ...own,
          ...KEEP,
          autorun: false,
          ...LOCKS[kind === 'embedded' ? 'embedded' : 'server'],
          maxStalledCount: MAX_STALLED,
          runRetryDelay: 1000,
        },
        factory,
      ),
    tidy: link.tidy,
    close: link.close,
  };
}

type Migrating = Parameters<typeof runMigrations>[0];

/** Brings the queue's tables up to what this BullMQ knows, in one session. */
async function migrate(pool: { connect(): Promise<Migrating & { release(): void }> }): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client, QUEUE_SCHEMA);
  } finally {
    client.release();
  }
}

/** Each factory checks the connection that it is given; here they are always the pair that belongs together. */
const postgresFactory = createPostgresBackend as BackendFactory<IQueueBackend, unknown>;
const redisFactory = createRedisBackend as unknown as BackendFactory<IQueueBackend, unknown>;

/** The same store, whose errors say which queue is ill; what it could not do is tried again. */
function explainedStore(store: Store, url: string): Store {
  const explain = (error: unknown): Error => ill(url, error);
  return { ...explained(store, explain), budget: explained(store.budget, explain) };
}

async function redis(url: string, prefix: string, { ms, warn }: Opening): Promise<Link> {
  const { redisStore } = await import('../store/redis-store.ts');
  const client = await linkRedis(url, ms, warn);
  return {
    kind: 'redis',
    place: placeOf(url),
    store: explainedStore(redisStore(client, prefix), url),
    connection: client,
    factory: redisFactory,
    tidy: nothing,
    close: async () => client.disconnect(),
  };
}

async function postgres(url: string, prefix: string, { ms }: Opening): Promise<Link> {
  const { postgresStore } = await import('../store/postgres-store.ts');
  const pool = await linkPostgres(url, ms);
  try {
    await migrate(pool);
    const store = explainedStore(await postgresStore(pool, prefix), url);
    return {
      kind: 'postgres',
      place: placeOf(url),
      store,
      connection: pool,
      factory: postgresFactory,
      tidy: nothing,
      close: () => pool.end(),
    };
  } catch (error) {
    await pool.end();
    throw unreachable(url, error);
  }
}

function taken(folder: string, who: string): RollcallError {
  return new RollcallError(
    'busy',
    `${who} has the embedded queue in ${folder}, which is for one worker: stop that one, or give queue.url a Redis or Postgres for several`,
    { step: 'open the queue' },
  );
}

type Pool = Awaited<ReturnType<typeof embeddedPool>>;

async function openData(data: string): Promise<Pool> {
  if (!existsSync(data)) await makeFiles(data);
  const pool = await embeddedPool(data);
  try {
    await migrate(pool);
    await pool.query(`set search_path to ${QUEUE_SCHEMA}`);
    return pool;
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** Trouble of the machine, not of the files: they stay where they are. */
const MACHINE = /ENOSPC|EDQUOT|EACCES|EPERM|EROFS|EMFILE|no space left|out of memory/i;

/** Opens the files. What Postgres cannot read is set aside: schedules come from the configuration, and jobs can be asked for again. */
async function openFiles(data: string, warn: Opening['warn']): Promise<Pool> {
  const existed = existsSync(data);
  try {
    return await openData(data);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!existed || MACHINE.test(why)) {
      throw new RollcallError(
        'transient',
        `cannot open the embedded queue in ${data} (${why}): look after the disk and start again`,
        {
          step: 'open the queue',
          cause: error,
        },
      );
    }
    const aside = `${data}.broken`;
    rmSync(aside, { recursive: true, force: true });
    renameSync(data, aside);
    warn(
      `the embedded queue could not be read (${why}); it is kept as ${aside} and begins anew: runs that waited in it are lost`,
    );
    return openData(data);
  }
}

async function embedded(config: Config, { warn, fatal }: Opening): Promise<Link> {
  const folder = join(config.state.dir, 'queue');
  makeFolder(config.state.dir);
  makeFolder(folder);
  const unlock = lockFile({
    file: join(folder, 'queue.lock'),
    info: join(folder, 'queue.json'),
    subject: 'the embedded queue',
    taken: (who) => taken(folder, who),
  });
  let store: Store | null = null;
  try {
    // First, for what is wrong with it leaves nothing behind; Postgres is a thread that would have to be ended.
    store = fileStore(config.state.dir, { warn });
    const pool = await openFiles(join(folder, 'pglite'), warn);
    pool.on('error', fatal);
    const close = async (): Promise<void> => {
      await pool.end();
      unlock();
    };
    // No server is there to do it by itself.
    const tidy = async (): Promise<void> => void (await pool.query('vacuum'));
    return { kind: 'embedded', place: folder, store, connection: pool, factory: postgresFactory, tidy, close };
  } catch (error) {
    await store?.close();
    unlock();
    throw error;
  }
}

/** Opens the queue that the configuration names. Throws what a person can mend; the caller closes it. */
export async function openBackend(config: Config, opening: Opening): Promise<Backend> {
  const { url, prefix } = config.queue;
  if (url === 'embedded') return backendOf(await embedded(config, opening), prefix);
  return backendOf(await (url.startsWith('redis') ? redis : postgres)(url, prefix, opening), prefix);
}
