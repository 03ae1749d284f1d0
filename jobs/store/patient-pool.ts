import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, QueryResult, QueryResultRow } from 'pg';

/** What `pg` says where the server cannot be reached, or goes down or comes up. */
const AWAY =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|connection terminated|timeout exceeded|terminating connection|database system is/i;

/** How often a server that is away is asked again, in ms. */
const AGAIN_MS = 500;

/** True for what is said where a server cannot be reached. */
export function isAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isAway);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(57P0[123]|08\w{3})$/.test(code) || AWAY.test(`${code} ${error.message}`);
}

/** Statements that wait while the server is away, as those of a Redis client do. Each may be sent twice. */
export type PatientQuery = <R extends QueryResultRow>(text: string, params?: unknown[]) => Promise<QueryResult<R>>;

/** The statements of a pool, patiently, until the pool has ended. */
export function patient(pool: Pool): PatientQuery {
  return async (text, params) => {
    for (;;) {
      try {
        return await pool.query(text, params);
      } catch (error) {
        if (!isAway(error) || pool.ended || pool.ending) throw error;
        await sleep(AGAIN_MS);
      }
    }
  };
}
