import type { Dialect } from '../contract/dialect.ts';
import type { Field } from '../contract/source.ts';
import type { Statement } from '../contract/warehouse.ts';
import { plain } from './plain.ts';
import { TABLES, type Table } from './tables.ts';
import { viewNames, views } from './views.ts';

function create(dialect: Dialect, table: Table): Statement {
  const columns = table.columns.map((column) => `${dialect.name(column.name)} ${dialect.types[column.type]}`);
  return plain(
    `create table if not exists ${dialect.table(table.name)} (${columns.join(', ')})${dialect.cluster(table.key)}`,
  );
}

/** Adds the columns that a table made by an older version lacks. */
function widen(dialect: Dialect, table: Table): Statement[] {
  const adds = { table: table.name, columns: table.columns };
  return dialect.addColumns(table.name, table.columns).map((sql) => ({ sql, params: [], adds }));
}

/** Everything that makes the tables and views of design as they should be; each statement may run again and again. */
export function layout(dialect: Dialect, source: string, fields: readonly Field[]): Statement[] {
  return [
    ...TABLES.map((table) => create(dialect, table)),
    ...TABLES.flatMap((table) => widen(dialect, table)),
    ...views(dialect, source, fields).map(plain),
  ].map((statement) => ({ ...statement, lasting: true as const }));
}

/** A column of one of our tables. */
export interface PlacedColumn {
  readonly table: string;
  readonly column: string;
}

/** What of the layout is not among the names that are there (see `TableIdentity.layout`). */
export function lacking(
  dialect: Dialect,
  source: string,
  fields: readonly Field[],
  there: readonly string[],
): { views: string[]; columns: PlacedColumn[] } {
  const names = new Set(there);
  const columns = TABLES.flatMap(({ name, columns: own }) =>
    own.map((column) => ({ table: name, column: column.name })),
  );
  return {
    views: viewNames(dialect, source, fields).filter((name) => !names.has(name)),
    columns: columns.filter(({ table, column }) => !names.has(`${table}.${column}`)),
  };
}
