import { ApiError } from './answers.ts';
import { TYPES } from './functions.ts';
import type { Quotas } from './quotas.ts';
import type { LoadColumn, Store } from './store.ts';
import { SqlError } from './tokens.ts';
import { duckName, type TableName } from './translate.ts';

/** A load job as it was asked for; the API's own names. */
export interface LoadConfiguration {
  readonly destinationTable?: { readonly projectId?: string; readonly datasetId?: string; readonly tableId?: string };
  readonly schema?: { readonly fields?: readonly { readonly name?: string; readonly type?: string }[] };
  readonly sourceFormat?: string;
  readonly writeDisposition?: string;
  readonly createDisposition?: string;
}

/** The columns of a schema as DuckDB has them. */
export function columnsOf(schema: LoadConfiguration['schema']): LoadColumn[] {
  return (schema?.fields ?? []).map(({ name = '', type = '' }) => {
    const known = TYPES[type.toUpperCase()];
    if (known === undefined) throw new ApiError(400, 'invalid', `Invalid value for type: ${type} is not a valid value`);
    return { name, type: known };
  });
}

/** Every line must be a JSON object of known columns whose values are texts. */
function checkLines(columns: readonly LoadColumn[], body: Buffer): void {
  const known = new Set(columns.map((column) => column.name));
  const lines = body
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  lines.forEach((line, i) => {
    const fail = (why: string): SqlError =>
      new SqlError(`Error while reading data, error message: JSON parsing error in row ${i + 1}: ${why}`, 'invalid');
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      throw fail('Parser terminated before end of string');
    }
    if (typeof row !== 'object' || row === null) throw fail('not an object');
    for (const [name, value] of Object.entries(row)) {
      if (!known.has(name)) throw fail(`No such field: ${name}.`);
      if (typeof value === 'object' && value !== null) throw fail(`Field ${name} is not a record.`);
    }
  });
}

/** Loads a file into a table and returns the number of rows. */
export async function runLoad(store: Store, quotas: Quotas, load: LoadConfiguration, body: Buffer): Promise<number> {
  const { projectId, datasetId, tableId } = load.destinationTable ?? {};
  const name: TableName = { dataset: `${projectId}.${datasetId}`, table: tableId ?? '' };
  if (load.sourceFormat !== 'NEWLINE_DELIMITED_JSON') throw new SqlError('the peer loads NDJSON only', 'invalid');
  if (!store.datasets.has(name.dataset)) throw new SqlError(`Not found: Dataset ${projectId}:${datasetId}`, 'notFound');
  quotas.spend('loads', duckName(name));
  const columns = columnsOf(load.schema);
  checkLines(columns, body);
  const there = (await store.kindOf(name)) !== null;
  if (!there && load.createDisposition === 'CREATE_NEVER')
    throw new SqlError(`Not found: Table ${projectId}:${datasetId}.${tableId}`, 'notFound');
  if (load.writeDisposition === 'WRITE_EMPTY' && there && (await store.count(name)) > 0) {
    throw new SqlError(`Already Exists: Table ${projectId}:${datasetId}.${tableId}`, 'duplicate');
  }
  const truncates = load.writeDisposition === 'WRITE_TRUNCATE';
  const rows = await store.load(name, columns, body, truncates);
  // Overwritten, a table forgets when it expires: whoever cares must say it again.
  if (truncates) store.meta(name).expirationTime = null;
  return rows;
}
