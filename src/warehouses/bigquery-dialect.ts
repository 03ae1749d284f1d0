import type { ColumnType, Dialect } from '../contract/dialect.ts';

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'STRING',
  json: 'JSON',
  boolean: 'BOOL',
  integer: 'INT64',
  timestamp: 'TIMESTAMP',
};

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escaped = (character: string): string =>
  ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A text as GoogleSQL writes it: on one line, whatever is in it. */
export const literal = (text: string): string => `'${text.replaceAll(/[\\'\p{Cc}\u2028\u2029]/gu, escaped)}'`;

const name = (identifier: string): string => `\`${identifier}\``;
const path = (keys: readonly string[]): string =>
  literal(`$${keys.map((key) => (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `."${key}"`)).join('')}`);

/** A constant of ours, a parameter, or nothing: its time has microseconds. */
const OURS = /^('|\?$|null$)/i;

/** A time has microseconds here; one with nanoseconds would not convert at all. */
const micros = (text: string): string => `REGEXP_REPLACE(${text}, ${literal('(\\.\\d{6})\\d+')}, ${literal('\\1')})`;

function tryCast(expression: string, type: ColumnType): string {
  if (type === 'json') return `SAFE.PARSE_JSON(${expression})`;
  if (type === 'timestamp' && !OURS.test(expression)) return `SAFE_CAST(${micros(expression)} AS TIMESTAMP)`;
  return `SAFE_CAST(${expression} AS ${TYPES[type]})`;
}

/** GoogleSQL for the tables of one dataset. https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax */
export function bigqueryDialect(project: string, dataset: string): Dialect {
  const table = (identifier: string): string => name(`${project}.${dataset}.${identifier}`);
  return {
    types: TYPES,
    name,
    table,
    literal,
    tryCast,
    // JSON has no equality of its own.
    differs: (left, right, type) =>
      type === 'json'
        ? `(TO_JSON_STRING(${left}) IS DISTINCT FROM TO_JSON_STRING(${right}))`
        : `(${left} IS DISTINCT FROM ${right})`,
    jsonArray: (expressions) => {
      // ARRAY_TO_STRING leaves nulls out.
      const items = expressions.map((item) => `NULLIF(TO_JSON_STRING(${item}), 'null')`);
      return items.length === 0
        ? `PARSE_JSON('[]')`
        : `PARSE_JSON(CONCAT('[', ARRAY_TO_STRING([${items.join(', ')}], ','), ']'))`;
    },
    jsonText: (json, keys) => `JSON_VALUE(${json}, ${path(keys)})`,
    jsonAt: (json, keys) => `JSON_QUERY(${json}, ${path(keys)})`,
    before: (expression, separator) => `SPLIT(${expression}, ${literal(separator)})[SAFE_OFFSET(0)]`,
    after: (expression, separator) =>
      `SUBSTR(${expression}, STRPOS(${expression}, ${literal(separator)}) + ${separator.length})`,
    unnest: (from, json) => ({ from: `${from}, UNNEST(JSON_QUERY_ARRAY(${json})) AS element`, element: 'element' }),
    jsonObjects: (pairs, orderBy) =>
      `TO_JSON(ARRAY_AGG(JSON_OBJECT(${pairs.map(([key, value]) => `${literal(key)}, ${value}`).join(', ')}) ORDER BY ${orderBy}))`,
    instant: (timestamp) => `FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', ${timestamp})`,
    cluster: (columns) => ` CLUSTER BY ${columns.map(name).join(', ')}`,
    addColumns: (identifier, columns) => [
      `ALTER TABLE ${table(identifier)} ${columns
        .map((column) => `ADD COLUMN IF NOT EXISTS ${name(column.name)} ${TYPES[column.type]}`)
        .join(', ')}`,
    ],
  };
}
