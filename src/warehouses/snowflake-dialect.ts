import type { ColumnType, Dialect } from '../contract/dialect.ts';
import { type Place, schemaName } from './snowflake-names.ts';

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  json: 'VARIANT',
  boolean: 'BOOLEAN',
  integer: 'NUMBER(38, 0)',
  timestamp: 'TIMESTAMP_TZ',
};

/** Unquoted names are folded to upper case; ours are quoted and in upper case, so that both ways of writing find them. */
const name = (identifier: string): string => `"${identifier.toUpperCase().replaceAll('"', '""')}"`;

/** A text literal; a backslash begins an escape in it. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** What is at a path of a JSON value. Keys are quoted: some are words of the language. */
const at = (json: string, keys: readonly string[]): string =>
  `${json}:${keys.map((key) => `"${key.replaceAll('"', '""')}"`).join('.')}`;

/** TRY_CAST takes texts alone: neither a parameter that is a number nor an untyped null. Both of them convert anyway. */
function tryCast(expression: string, type: ColumnType): string {
  if (expression === '?' && type === 'json') return 'PARSE_JSON(?)';
  if (expression === '?' || expression === 'null') return `CAST(${expression} AS ${TYPES[type]})`;
  return type === 'json' ? `TRY_PARSE_JSON(${expression})` : `TRY_CAST(${expression} AS ${TYPES[type]})`;
}

const ADDS = /^ALTER TABLE (\S+) ADD COLUMN IF NOT EXISTS "([^"]+)"/;

/** The table and the column that a statement of `addColumns` is for; null for other statements. */
export function addedColumn(sql: string): { readonly table: string; readonly column: string } | null {
  const [, table, column] = ADDS.exec(sql) ?? [];
  return table === undefined || column === undefined ? null : { table, column };
}

/** Snowflake's SQL, for the tables of one schema. https://docs.snowflake.com/en/sql-reference */
export function snowflakeDialect(place: Place): Dialect {
  const table = (identifier: string): string => `${schemaName(place)}.${name(identifier)}`;
  return {
    types: TYPES,
    name,
    table,
    literal,
    tryCast,
    differs: (left, right, type) =>
      type === 'json' ? `(TO_JSON(${left}) IS DISTINCT FROM TO_JSON(${right}))` : `(${left} IS DISTINCT FROM ${right})`,
    jsonArray: (expressions) => `CAST(ARRAY_CONSTRUCT_COMPACT(${expressions.join(', ')}) AS VARIANT)`,
    jsonText: (json, keys) => `CAST(${at(json, keys)} AS VARCHAR)`,
    jsonAt: at,
    before: (expression, separator) => `SPLIT_PART(${expression}, ${literal(separator)}, 1)`,
    after: (expression, separator) =>
      `SUBSTR(${expression}, POSITION(${literal(separator)}, ${expression}) + ${separator.length})`,
    unnest: (from, json) => ({ from: `${from}, LATERAL FLATTEN(INPUT => ${json}) e`, element: 'e.VALUE' }),
    jsonObjects: (pairs, orderBy) => {
      const object = pairs.map(([key, value]) => `${literal(key)}, ${value}`).join(', ');
      return `ARRAY_AGG(OBJECT_CONSTRUCT_KEEP_NULL(${object})) WITHIN GROUP (ORDER BY ${orderBy})`;
    },
    instant: (timestamp) => `(TO_CHAR(CONVERT_TIMEZONE('UTC', ${timestamp}), 'YYYY-MM-DD"T"HH24:MI:SS.FF6') || 'Z')`,
    cluster: () => '',
    addColumns: (identifier, columns) =>
      columns.map(
        (column) =>
          `ALTER TABLE ${table(identifier)} ADD COLUMN IF NOT EXISTS ${name(column.name)} ${TYPES[column.type]}`,
      ),
  };
}
