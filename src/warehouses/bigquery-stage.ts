import type { SealedFile } from '../contract/warehouse.ts';
import { STAGING_COLUMNS } from '../sql/tables.ts';
import type { Resource } from './bigquery-client.ts';
import { count } from './bigquery-jobs.ts';
import { jobName, labelsOf, type Place, tableOf } from './bigquery-place.ts';

const schema: Resource = { fields: STAGING_COLUMNS.map((name) => ({ name, type: 'STRING', mode: 'NULLABLE' })) };

const HOUR = 3_600_000;

const PREFIX = 'rollcall_stage_';

/** A staging table, by its name. */
export const isStaging = (name: string): boolean => name.startsWith(PREFIX);

interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** Where the lines of a batch are staged. */
export function stagingOf({ o }: Place, batch_id: string): TableReference {
  return {
    projectId: o.project,
    datasetId: o.staging_dataset ?? o.dataset,
    tableId: `${PREFIX}${batch_id.replaceAll('-', '_')}`,
  };
}

/** Makes the staging table so that BigQuery drops it by itself: a load job cannot say when. */
async function makeStaging({ o, api }: Place, tableReference: TableReference): Promise<void> {
  const path = `/datasets/${tableReference.datasetId}/tables`;
  const expirationTime = String(Date.now() + o.staging_hours * HOUR);
  const json = { tableReference, schema, expirationTime, labels: labelsOf(o) };
  await api.ask({ method: 'POST', path, json, accept: [409] });
}

/** Servers that cannot change a table's time answer with one of these: then it goes when the batch is in, and not by itself. */
const NO_PATCH = [404, 405, 501];

/** Overwriting a table may forget when it expires. */
async function keepExpiry({ o, api }: Place, path: string, table: Resource): Promise<void> {
  if (table.expirationTime !== undefined) return;
  const json = { expirationTime: String(Date.now() + o.staging_hours * HOUR) };
  await api.ask({ method: 'PATCH', path, json, acceptAny: NO_PATCH });
}

/** Loads the file into the staging table of its batch and returns the table's quoted name. */
export async function loadFile(place: Place, file: SealedFile): Promise<string> {
  const { o, api, jobs, location } = place;
  const destinationTable = stagingOf(place, file.batch_id);
  const { projectId, datasetId, tableId } = destinationTable;
  const isLoaded = async (): Promise<boolean> => {
    const table = await tableOf(api, datasetId, tableId);
    return table !== null && table.numRows !== undefined && count(table, 'numRows') === file.lines;
  };
  await makeStaging(place, destinationTable);
  const load = {
    destinationTable,
    schema,
    sourceFormat: 'NEWLINE_DELIMITED_JSON',
    createDisposition: 'CREATE_IF_NEEDED',
    writeDisposition: 'WRITE_TRUNCATE',
  };
  const name = jobName(o, `${file.batch_id}_load`);
  const configuration = { load, labels: labelsOf(o) };
  // The table was made a moment ago.
  const heal = async (): Promise<void> => undefined;
  await jobs.run({ ...name, configuration, location, file: file.path, isDone: isLoaded, heal }, file.bytes);
  place.staged = file;
  const table = await tableOf(api, datasetId, tableId);
  if (table !== null) await keepExpiry(place, `/datasets/${datasetId}/tables/${tableId}`, table);
  return `\`${projectId}.${datasetId}.${tableId}\``;
}

/** Loads a batch again whose staging table is gone: expired, or dropped by somebody. */
export async function restage(place: Place, file: SealedFile): Promise<void> {
  const { datasetId, tableId } = stagingOf(place, file.batch_id);
  if ((await tableOf(place.api, datasetId, tableId)) === null) await loadFile(place, file);
}

/** Drops a staging table by its quoted name; one that is gone is no error. */
export async function dropStaging(place: Place, staging: string): Promise<void> {
  const { api } = place;
  place.staged = null;
  const [, dataset, table] = /\.([^.]+)\.([^.`]+)`$/.exec(staging) ?? [];
  await api.ask({ method: 'DELETE', path: `/datasets/${dataset}/tables/${table}`, accept: [404] });
}
