import type { Estimate, ReadOptions, Statement } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { TABLES } from '../sql/tables.ts';
import type { Resource } from './bigquery-client.ts';
import { count, type Job, part } from './bigquery-jobs.ts';
import { type JobName, justMade, labelsOf, ownJobName, type Place } from './bigquery-place.ts';
import { queryParameters } from './bigquery-script.ts';
import { restage, stagingOf } from './bigquery-stage.ts';
import type { BigqueryTrouble } from './bigquery-trouble.ts';

/** Limits of one query. */
type QueryLimits = Pick<ReadOptions, 'maxBytes'>;

/** A query job's configuration. */
function configuration({ o }: Place, { sql, params }: Statement, { maxBytes }: QueryLimits, dryRun = false): Resource {
  const limits = [o.maximum_bytes_billed, maxBytes].filter((limit) => limit !== undefined);
  const limit = limits.length === 0 ? {} : { maximumBytesBilled: String(Math.min(...limits)) };
  const bound = params.length === 0 ? {} : { parameterMode: 'POSITIONAL', queryParameters: queryParameters(params) };
  const defaultDataset = { projectId: o.project, datasetId: o.dataset };
  const query = { query: sql, useLegacySql: false, defaultDataset, ...bound, ...limit };
  return { query, labels: labelsOf(o), ...(dryRun ? { dryRun: true } : {}) };
}

/** A table of ours, or the dataset, as BigQuery names it where it does not find it. */
const OURS = new RegExp(`Not found: (Dataset |Table .*[.:](${TABLES.map(({ name }) => name).join('|')})\\b)`, 'i');

/** Something is missing: the staging table may have expired and is loaded again; what was just made may need a moment. */
async function found(place: Place, trouble: BigqueryTrouble): Promise<void> {
  const { o, staged } = place;
  const { message } = trouble.facts;
  if (staged !== null && message.includes(stagingOf(place, staged.batch_id).tableId)) await restage(place, staged);
  else if (!justMade(o) || !OURS.test(message)) throw trouble;
}

/** Runs one query or script to its end. The name is that of the work where another process may look for it. */
export function runQuery(place: Place, statement: Statement, name: JobName, limits: QueryLimits = {}): Promise<Job> {
  const { jobs, location } = place;
  const heal = (trouble: BigqueryTrouble): Promise<void> => found(place, trouble);
  return jobs.run({ ...name, configuration: configuration(place, statement, limits), location, heal });
}

/** List price of a TiB on demand in most regions, in US dollars. https://cloud.google.com/bigquery/pricing */
const PRICE = 6.25;
const MIB = 1024 ** 2;
/** Least that a query is charged for. */
const LEAST = 10 * MIB;

function costText(bytes: number): string {
  const billed = bytes === 0 ? 0 : Math.max(LEAST, Math.ceil(bytes / MIB) * MIB);
  const dollars = (billed / 1024 ** 4) * PRICE;
  return `reads ${(bytes / MIB).toFixed(1)} MiB, about $${dollars.toFixed(dollars < 0.01 ? 5 : 2)} on demand`;
}

/** A text that may be a query, where the server does not tell what it is. */
const QUERY = /^(\s|--[^\n]*\n|#[^\n]*\n|\/\*.*?\*\/)*(select\b|with\b|\()/is;

/** What a query would read, found out by a dry run, which is free. Refuses what does more than read. */
export async function estimated(place: Place, statement: Statement): Promise<Estimate> {
  const { o, api, location } = place;
  const jobReference = {
    projectId: o.project,
    jobId: ownJobName(o, 'estimate').id,
    ...(location === undefined ? {} : { location }),
  };
  const json = { jobReference, configuration: configuration(place, statement, {}, true) };
  const { body } = await api.ask({ method: 'POST', path: '/jobs', json });
  const statistics = part(body, 'statistics');
  const kind = String(part(statistics, 'query').statementType ?? '');
  if (kind === '' ? !QUERY.test(statement.sql) : kind !== 'SELECT') {
    throw new RollcallError(
      'config',
      `\`rollcall query\` only reads, and this is ${kind === '' ? 'none that reads' : `a ${kind}`}; use the BigQuery console for that`,
      { step: 'query' },
    );
  }
  if (statistics.totalBytesProcessed === undefined)
    return { bytes: null, text: 'BigQuery does not tell what this reads' };
  const bytes = count(statistics, 'totalBytesProcessed');
  return { bytes, text: costText(bytes) };
}
