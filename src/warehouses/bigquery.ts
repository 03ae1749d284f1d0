import type { Warehouse } from '../contract/warehouse.ts';
import { bigqueryDialect } from './bigquery-dialect.ts';
import { grantLines } from './bigquery-grants.ts';
import { type BigqueryOptions, bigqueryOptions } from './bigquery-options.ts';

/**
 * A dataset in Google BigQuery: load jobs into a staging table, then one script in a transaction. Google's client is
 * loaded when a session is opened and not before. https://cloud.google.com/bigquery/docs/reference/rest
 */
export const bigquery: Warehouse<BigqueryOptions> = {
  name: 'bigquery',
  options: bigqueryOptions,
  dialect: (o) => bigqueryDialect(o.project, o.dataset),
  freeWrites: false,
  insertsConflict: false,
  // Each batch reads the connection's rows: what changed goes in one batch unless it is very much.
  batch: { lines: 250_000, bytes: 512 * 1024 * 1024, age: 60 * 60_000 },
  open: async (o, access, context) => {
    const { openDataset } = await import('./bigquery-session.ts');
    return (await openDataset(o, access, context))?.session ?? null;
  },
  check: async (o, context) => (await import('./bigquery-check.ts')).checkWarehouse(o, context),
  grants: grantLines,
};
