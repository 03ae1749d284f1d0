import { once } from 'node:events';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { isRefusal, unreachable } from './link.ts';

/** Commands wait for as long as the server is away, and are sent when it is back. */
const PATIENT = {
  maxRetriesPerRequest: null,
  connectTimeout: 5000,
  retryStrategy: (times: number) => Math.min(2000, 100 * times),
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

/** Connects to Redis or Valkey; a node of a cluster brings the cluster. Gives up after so many ms. */
export async function linkRedis(url: string, ms: number): Promise<Redis | Cluster> {
  const client = new Redis(url, { ...PATIENT, lazyConnect: true });
  await connected(client, url, ms);
  // A client without a listener turns a lost connection into an unhandled error; who works with it asks it how it is.
  client.on('error', () => undefined);
  if (!/cluster_enabled:1/.test(String(await client.call('info', 'cluster')))) return client;
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
