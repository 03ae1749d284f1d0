import type { TableIdentity } from '../contract/warehouse.ts';
import { lacking, type PlacedColumn } from '../sql/ddl.ts';
import type { Recovery } from './rebuild.ts';

/** Views and columns that somebody dropped. */
export interface Dropped {
  readonly views: readonly string[];
  readonly columns: readonly PlacedColumn[];
}

/** What is missing of tables that are there, where the warehouse tells. */
export function dropped(r: Recovery, identity: TableIdentity | null): Dropped {
  const { source } = r.deps.settings;
  if (identity?.layout === undefined) return { views: [], columns: [] };
  return lacking(r.deps.warehouse.dialect, source.name, source.fields, identity.layout);
}

/** Says what was made again. */
export function tellDropped(r: Recovery, { views, columns }: Dropped): void {
  if (views.length > 0) r.warnings.push(`made again what was missing: the views ${views.join(', ')}`);
  if (columns.length === 0) return;
  const names = columns.map(({ table, column }) => `${table}.${column}`).join(', ');
  r.warnings.push(
    `made again what was missing: the columns ${names}; rows of users are filled from the source, older log rows stay without`,
  );
}

/** Of what was lost and cannot be brought back, the report speaks once: the ledger remembers it with the tables' identity. */
const WITHOUT_LOG = ' without user_changes';

/** The tables are those of the last look, as it was remembered; true where there was none. */
export function sameTables(noted: string | null, { tables }: TableIdentity): boolean {
  return noted === null || noted === tables || noted === `${tables}${WITHOUT_LOG}`;
}

/** The tables' identity to remember; says once that the log was lost. */
export function identityToNote(r: Recovery, { tables, empty = [], rows }: TableIdentity, noted: string | null): string {
  const { live } = r.journal.facts();
  if (!empty.includes('user_changes') || (rows ?? live) === 0) return tables;
  if (noted?.endsWith(WITHOUT_LOG) !== true)
    r.warnings.push(
      'the change log user_changes has no rows of this connection any more: its history was lost, and what changes from now on is logged',
    );
  return `${tables}${WITHOUT_LOG}`;
}
