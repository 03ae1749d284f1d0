import type { Config } from '../../config/types.ts';
import { fileStore } from './file-store.ts';
import type { Store } from './store.ts';

/** How long a command waits for a store to answer, in ms. */
const PATIENCE_MS = 5000;

/** True for a queue that lives in the state folder, for one process. */
export const isEmbedded = (config: Config): boolean => config.queue.url === 'embedded';

/** Opens the store of the configured queue alone, for a command that looks or pauses. Drivers are loaded when used. */
export async function openStore(config: Config): Promise<Store> {
  const { url, prefix } = config.queue;
  if (isEmbedded(config)) return fileStore(config.state.dir, { warn: null });
  if (url.startsWith('redis')) {
    const { linkRedis } = await import('../queue/redis-link.ts');
    const { redisStore } = await import('./redis-store.ts');
    const client = await linkRedis(url, PATIENCE_MS);
    return { ...redisStore(client, prefix), close: async () => client.disconnect() };
  }
  const { linkPostgres } = await import('../queue/postgres-link.ts');
  const { postgresStore } = await import('./postgres-store.ts');
  const pool = await linkPostgres(url, PATIENCE_MS);
  return { ...(await postgresStore(pool, prefix)), close: () => pool.end() };
}
