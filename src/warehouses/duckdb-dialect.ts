import type { ColumnType, Dialect } from '../contract/dialect.ts';

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  json: 'JSON',
  boolean: 'BOOLEAN',
  integer: 'BIGINT',
  timestamp: 'TIMESTAMPTZ',
};

const name = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const path = (keys: readonly string[]): string =>
  literal(`$${keys.map((key) => `."${key.replaceAll('"', '\\"')}"`).join('')}`);

/** DuckDB's SQL. https://duckdb.org/docs/stable/sql/introduction */
export const duckdbDialect: Dialect = {
  types: TYPES,
  name,
  table: name,
  literal,
  tryCast: (expression, type) => `try_cast(${expression} as ${TYPES[type]})`,
  differs: (left, right) => `(${left} is distinct from ${right})`,
  jsonArray: (expressions) => `to_json(list_filter([${expressions.join(', ')}], lambda x: x is not null))`,
  jsonText: (json, keys) => `json_extract_string(${json}, ${path(keys)})`,
  jsonAt: (json, keys) => `json_extract(${json}, ${path(keys)})`,
  before: (expression, separator) => `split_part(${expression}, ${literal(separator)}, 1)`,
  after: (expression, separator) =>
    `substr(${expression}, instr(${expression}, ${literal(separator)}) + ${separator.length})`,
  unnest: (from, json) => ({
    from: `${from}, lateral (select unnest(json_extract(${json}, '$[*]')) as element) e`,
    element: 'e.element',
  }),
  jsonObjects: (pairs, orderBy) =>
    `to_json(list(json_object(${pairs.map(([key, value]) => `${literal(key)}, ${value}`).join(', ')}) order by ${orderBy}))`,
  instant: (timestamp) => `strftime(${timestamp} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`,
  cluster: () => '',
  addColumns: (table, columns) =>
    columns.map(
      (column) => `alter table ${name(table)} add column if not exists ${name(column.name)} ${TYPES[column.type]}`,
    ),
};
