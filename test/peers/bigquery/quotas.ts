import { SqlError } from './tokens.ts';

/** Limits of BigQuery for one table. https://cloud.google.com/bigquery/quotas */
const LIMITS = {
  /** DML statements in 10 seconds. */
  dml: { most: 25, ms: 10_000, message: 'Exceeded rate limits: too many dml statements for this table' },
  /** Changes of metadata in 10 seconds. */
  metadata: { most: 5, ms: 10_000, message: 'Exceeded rate limits: too many table update operations for this table' },
  /** Loads into one table in a day. */
  loads: {
    most: 1500,
    ms: 86_400_000,
    message: 'Quota exceeded: Your table exceeded quota for imports or query appends per table',
  },
} as const;

/** What is counted. */
export type Counted = keyof typeof LIMITS;

/** Counts what befalls each table, and refuses what is too much. */
export interface Quotas {
  spend(what: Counted, table: string): void;
}

/** Quotas that hold from now on. `clock` in ms. */
export function makeQuotas(clock: () => number): Quotas {
  const spent = new Map<string, number[]>();
  return {
    spend: (what, table) => {
      const { most, ms, message } = LIMITS[what];
      const key = `${what} ${table}`;
      const recent = (spent.get(key) ?? []).filter((at) => at > clock() - ms);
      if (recent.length >= most) throw new SqlError(message, what === 'loads' ? 'quotaExceeded' : 'rateLimitExceeded');
      spent.set(key, [...recent, clock()]);
    },
  };
}

/** No limits. */
export const UNLIMITED: Quotas = { spend: () => undefined };
