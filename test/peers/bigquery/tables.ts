import { ApiError, ok, type Reply } from './answers.ts';
import { columnsOf, type LoadConfiguration } from './loads.ts';
import type { Quotas } from './quotas.ts';
import type { DatasetMeta, Store } from './store.ts';
import { SqlError } from './tokens.ts';
import { duckName, type TableName } from './translate.ts';
import { pageReply, wireResult } from './values.ts';

/** What the requests about datasets and tables work with. */
export interface TablePlace {
  readonly store: Store;
  readonly quotas: Quotas;
  /** Where a dataset is made that names no place. */
  readonly location: string;
  deny(permission: string, message: string): void;
}

interface DatasetBody {
  readonly datasetReference?: { readonly datasetId?: string };
  readonly location?: string;
}

interface TableBody {
  readonly tableReference?: { readonly tableId?: string };
  readonly schema?: LoadConfiguration['schema'];
  readonly expirationTime?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

function resource({ project, id, location }: DatasetMeta): object {
  return { kind: 'bigquery#dataset', datasetReference: { projectId: project, datasetId: id }, location };
}

/** datasets.get */
export function datasetReply({ store }: TablePlace, project: string, id: string): Reply {
  const found = store.datasets.get(`${project}.${id}`);
  if (found === undefined) throw new ApiError(404, 'notFound', `Not found: Dataset ${project}:${id}`);
  return ok(resource(found));
}

/** datasets.insert */
export async function makeDataset(place: TablePlace, project: string, body: DatasetBody): Promise<Reply> {
  const { store } = place;
  const id = body.datasetReference?.datasetId ?? '';
  place.deny(
    'bigquery.datasets.create',
    `Access Denied: Project ${project}: User does not have bigquery.datasets.create permission in project ${project}.`,
  );
  if (!/^\w+$/.test(id)) throw new ApiError(400, 'invalid', `Invalid dataset ID "${id}"`);
  if (store.datasets.has(`${project}.${id}`))
    throw new ApiError(409, 'duplicate', `Already Exists: Dataset ${project}:${id}`);
  const made: DatasetMeta = { project, id, location: body.location ?? place.location };
  await store.makeDataset(made);
  return ok(resource(made));
}

function missing({ dataset, table }: TableName): ApiError {
  return new ApiError(404, 'notFound', `Not found: Table ${dataset.replace(/\.(?=[^.]*$)/, ':')}.${table}`);
}

/** tables.get */
export async function tableReply({ store }: TablePlace, name: TableName): Promise<Reply> {
  if (!store.datasets.has(name.dataset)) throw new ApiError(404, 'notFound', `Not found: Dataset ${name.dataset}`);
  const kind = await store.kindOf(name);
  if (kind === null) throw missing(name);
  const { creationTime, expirationTime, labels, clustering } = store.meta(name);
  const [projectId = '', datasetId] = name.dataset.split(/\.(?=[^.]*$)/);
  return ok({
    kind: 'bigquery#table',
    tableReference: { projectId, datasetId, tableId: name.table },
    type: kind,
    schema: { fields: await store.fields(name) },
    creationTime: String(creationTime),
    ...(expirationTime === null ? {} : { expirationTime: String(expirationTime) }),
    ...(kind === 'TABLE' ? { numRows: String(await store.count(name)) } : {}),
    ...(clustering.length === 0 ? {} : { clustering: { fields: clustering } }),
    labels,
  });
}

/** tables.list */
export function tableList({ store }: TablePlace, dataset: string, asked: URLSearchParams): Reply {
  if (!store.datasets.has(dataset)) throw new ApiError(404, 'notFound', `Not found: Dataset ${dataset}`);
  const [projectId, datasetId] = dataset.split(/\.(?=[^.]*$)/);
  const all = store.list(dataset).map(({ table, kind }) => ({
    kind: 'bigquery#table',
    tableReference: { projectId, datasetId, tableId: table },
    type: kind,
  }));
  const from = Number(asked.get('pageToken') ?? 0);
  const most = Number(asked.get('maxResults') ?? 50);
  const more = from + most < all.length ? { nextPageToken: String(from + most) } : {};
  return ok({ kind: 'bigquery#tableList', tables: all.slice(from, from + most), totalItems: all.length, ...more });
}

/** tabledata.list */
export async function tableData(place: TablePlace, name: TableName, asked: URLSearchParams): Promise<Reply> {
  await tableReply(place, name);
  const connection = await place.store.connect();
  try {
    const result = wireResult(await connection.runAndReadAll(`select * from ${duckName(name)}`));
    return ok(pageReply(result, asked));
  } finally {
    connection.closeSync();
  }
}

/** tables.insert */
export async function makeTable(place: TablePlace, { dataset }: TableName, body: TableBody): Promise<Reply> {
  const { store, quotas } = place;
  const name = { dataset, table: body.tableReference?.tableId ?? '' };
  place.deny(
    'bigquery.tables.create',
    `Access Denied: Dataset ${dataset}: Permission bigquery.tables.create denied on dataset ${dataset} (or it may not exist).`,
  );
  if (!store.datasets.has(dataset)) throw new ApiError(404, 'notFound', `Not found: Dataset ${dataset}`);
  if ((await store.kindOf(name)) !== null)
    throw new ApiError(409, 'duplicate', `Already Exists: Table ${dataset}.${name.table}`);
  spendMetadata(quotas, name);
  await store.load(name, columnsOf(body.schema), Buffer.alloc(0), false);
  const meta = store.meta(name);
  meta.expirationTime = body.expirationTime === undefined ? null : Number(body.expirationTime);
  meta.labels = body.labels ?? {};
  return tableReply(place, name);
}

/** tables.patch */
export async function patchTable(place: TablePlace, name: TableName, body: TableBody): Promise<Reply> {
  if ((await place.store.kindOf(name)) === null) throw missing(name);
  spendMetadata(place.quotas, name);
  const meta = place.store.meta(name);
  if (body.expirationTime !== undefined) meta.expirationTime = Number(body.expirationTime);
  if (body.labels !== undefined) meta.labels = { ...meta.labels, ...body.labels };
  return tableReply(place, name);
}

function spendMetadata(quotas: Quotas, name: TableName): void {
  try {
    quotas.spend('metadata', duckName(name));
  } catch (error) {
    if (error instanceof SqlError) throw new ApiError(403, error.reason, error.message);
    throw error;
  }
}
