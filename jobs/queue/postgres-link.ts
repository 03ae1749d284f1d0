import pg from 'pg';
import { unreachable } from './link.ts';

/** Connections of one process: each of its BullMQ workers listens on one, the rest runs statements. */
const CONNECTIONS = 10;

/** The schema that BullMQ's tables are in. */
export const QUEUE_SCHEMA = 'bullmq';

/** Connects to Postgres. The caller ends the pool. */
export async function linkPostgres(url: string, ms: number): Promise<pg.Pool> {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    keepAlive: true,
    connectionTimeoutMillis: ms,
    application_name: 'rollcall',
    // BullMQ's statements name no schema.
    onConnect: async (client) => {
      await client.query(`set search_path to ${QUEUE_SCHEMA}`);
    },
  });
  // An idle connection that breaks is made anew with the next statement.
  pool.on('error', () => undefined);
  try {
    await pool.query('select 1');
    return pool;
  } catch (error) {
    await pool.end();
    throw unreachable(url, error);
  }
}
