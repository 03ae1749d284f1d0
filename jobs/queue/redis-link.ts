import { once } from 'node:events';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { RollcallError } from '../../src/errors.ts';
import { isRefusal, placeOf, unreachable } from './link.ts';

/** Commands wait for as long as the server is away, and are sent when it is back. */
const PATIENT = {
  maxRetriesPerRequest: null,
  connectTimeout: 5000,
  retryStrategy: (times: number) => Math.min(2000, 100 * times),
  // A server that gave its place to another one in mid-work: under its name the new one is found, and asked again.
  reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
} satisfies RedisOptions;

/** Waits until the server has taken us in; throws what went wrong last when the time is over. */
async function connected(client: Redis, url: string, ms: number): Promise<void> {
  const over = AbortSignal.timeout(ms);
  let last: unknown = new Error('no answer');
  const refusal = Promise.withResolvers<never>();
  const note = (error: unknown): void => {
    last = error;
    if (isRefusal(error)) refusal.reject(error);
  };
  client.on('error', note);
  try {
    const ready = once(client, 'ready', { signal: over });
    // Each attempt's own failure is told by `error`; the client goes on trying.
    client.connect().catch(note);
    await Promise.race([ready, refusal.promise]);
  } catch {
    client.disconnect();
    throw unreachable(url, last);
  } finally {
    refusal.promise.catch(() => undefined);
    client.off('error', note);
  }
}

function clusterOf(url: string): Cluster {
  const { hostname, port, username, password, protocol } = new URL(url);
  return new Cluster([{ host: hostname, port: Number(port === '' ? 6379 : port) }], {
    redisOptions: {
      ...PATIENT,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
}

/** What a server says of itself that a queue must know; a read-only one is refused. */
function heed(info: string, url: string, warn: (message: string) => void): void {
  const place = placeOf(url);
  if (/^role:slave/m.test(info)) {
    throw new RollcallError('config', `${place} is a read-only replica: set queue.url to the server that it follows`, {
      step: 'open the queue',
    });
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  if (policy === 'noeviction') return;
  warn(
    `the queue at ${place} forgets jobs and schedules when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction there`,
  );
}

/** Connects to Redis or Valkey; a node of a cluster brings the cluster. Gives up after so many ms. */
export async function linkRedis(
  url: string,
  ms: number,
  warn: (message: string) => void = () => undefined,
): Promise<Redis | Cluster> {
  const client = new Redis(url, { ...PATIENT, lazyConnect: true });
  await connected(client, url, ms);
  // A client without a listener turns a lost connection into an unhandled error; who works with it asks it how it is.
  client.on('error', () => undefined);
  const info = await client.info().catch((error: unknown) => {
    client.disconnect();
    throw unreachable(url, error);
  });
  if (!/^cluster_enabled:1/m.test(info)) {
    try {
      heed(info, url, warn);
      return client;
    } catch (error) {
      client.disconnect();
      throw error;
    }
  }
  client.disconnect();
  const cluster = clusterOf(url);
  cluster.on('error', () => undefined);
  try {
    await once(cluster, 'ready', { signal: AbortSignal.timeout(ms) });
    return cluster;
  } catch {
    cluster.disconnect();
    throw unreachable(url, new Error('it is a node of a cluster whose other nodes cannot be reached from here'));
  }
}
