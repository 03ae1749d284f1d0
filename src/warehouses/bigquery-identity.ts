import type { StateRow, TableIdentity } from '../contract/warehouse.ts';
import { stateRowOf } from '../sql/state.ts';
import { REJECTED_RECORDS, ROLES, STATE, SYNC_RUNS, TABLES, TEAMS, USER_CHANGES, USERS } from '../sql/tables.ts';
import type { Resource } from './bigquery-client.ts';
import { count, part } from './bigquery-jobs.ts';
import { type Place, tableOf } from './bigquery-place.ts';
import { listed, listOf } from './bigquery-rows.ts';
import { isStaging } from './bigquery-stage.ts';

/** Servers that do not list rows answer with one of these; then the engine believes its ledger, or reads. */
const NO_LISTING = [400, 404, 405, 501];

/** Most rows or tables in one answer. */
const PAGE = 1000;

/** Names of a table's columns, from its metadata. */
export function columnNames(table: Resource): string[] {
  return listOf(part(table, 'schema').fields).map(({ name }) => String(name).toLowerCase());
}

/**
 * The connection's row of `rollcall_state` by listing the table's rows, which is no query and free of charge. Undefined
 * where the server cannot do that.
 */
async function stateRow({ o, api }: Place, table: Resource, connection: string): Promise<StateRow | null | undefined> {
  // Rows come without names: where the columns are not told, they say nothing.
  if (!columnNames(table).includes('connection')) return undefined;
  const path = `/datasets/${o.dataset}/tables/${STATE.name}/data`;
  for (let pageToken: unknown, seen = 0; ; ) {
    const next = typeof pageToken === 'string' ? { pageToken } : {};
    const qs = { maxResults: PAGE, 'formatOptions.useInt64Timestamp': 'true', ...next };
    const { status, body } = await api.ask({ path, qs, acceptAny: NO_LISTING });
    if (status !== 200) return undefined;
    const rows = listed(part(table, 'schema'), body);
    const found = rows.find((row) => row.connection === connection);
    if (found !== undefined) return stateRowOf(found);
    seen += rows.length;
    pageToken = body.pageToken;
    if (typeof pageToken === 'string' && pageToken !== '') continue;
    // That nobody has the connection is believed only of a listing that is whole.
    return table.numRows !== undefined && seen >= count(table, 'numRows') ? null : undefined;
  }
}

/** Tables whose loss is noticed by their having no row. */
const WATCHED = [USER_CHANGES, SYNC_RUNS, ROLES, TEAMS, REJECTED_RECORDS].map(({ name }) => name);

/** Names of all that is in the dataset; undefined where the server does not list it. */
async function namesIn({ o, api }: Place): Promise<string[] | undefined> {
  const path = `/datasets/${o.dataset}/tables`;
  const names: string[] = [];
  for (let pageToken: unknown; ; ) {
    const next = typeof pageToken === 'string' ? { pageToken } : {};
    const { status, body } = await api.ask({ path, qs: { maxResults: PAGE, ...next }, acceptAny: NO_LISTING });
    if (status !== 200) return undefined;
    names.push(...listOf(body.tables).map((found) => String(part(found, 'tableReference').tableId)));
    pageToken = body.nextPageToken;
    if (typeof pageToken !== 'string' || pageToken === '') return names;
  }
}

/**
 * Our columns and views as far as the server tells of them; undefined where it does not. One that leaves out all views,
 * or the columns of a table, has none to tell of: what it does not show is not to be taken for lost.
 */
function layoutOf(tables: ReadonlyMap<string, Resource>, listing: readonly string[] | undefined): string[] | undefined {
  const columns = [...tables].map(([name, table]) => columnNames(table).map((column) => `${name}.${column}`));
  const views = (listing ?? []).filter((name) => !tables.has(name) && !isStaging(name));
  if (views.length === 0 || columns.some((own) => own.length === 0)) return undefined;
  return [...columns.flat(), ...views];
}

/** What the tables are by their metadata: free, and up to date as soon as a statement is committed. */
export async function identityOf(place: Place, connection: string): Promise<TableIdentity | null> {
  const names = TABLES.map(({ name }) => name);
  const found = await Promise.all(names.map((name) => tableOf(place.api, place.o.dataset, name)));
  const tables = new Map<string, Resource>();
  for (const [i, table] of found.entries()) {
    if (table === null) return null;
    tables.set(names[i] ?? '', table);
  }
  const of = (name: string): Resource => tables.get(name) ?? {};
  const made = [USERS, STATE].map(({ name }) => String(of(name).creationTime ?? ''));
  const rows = of(USERS.name).numRows === undefined ? null : count(of(USERS.name), 'numRows');
  const empty = WATCHED.filter((name) => String(of(name).numRows) === '0');
  const [state, listing] = await Promise.all([stateRow(place, of(STATE.name), connection), namesIn(place)]);
  const layout = layoutOf(tables, listing);
  return {
    tables: made.join('.'),
    rows,
    empty,
    ...(state === undefined ? {} : { state }),
    ...(layout === undefined ? {} : { layout }),
  };
}
