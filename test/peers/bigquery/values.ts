import type { DuckDBResultReader, DuckDBValue } from '@duckdb/node-api';

/** A column as the API describes it. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode: 'NULLABLE' | 'REPEATED';
}

/** Names of DuckDB's types, as text, to those of the API. */
const NAMES: readonly (readonly [pattern: RegExp, type: string])[] = [
  [/^JSON/, 'JSON'],
  [/^VARCHAR/, 'STRING'],
  [/^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|U\w+INT)/, 'INTEGER'],
  [/^(DOUBLE|FLOAT)/, 'FLOAT'],
  [/^DECIMAL/, 'NUMERIC'],
  [/^BOOLEAN/, 'BOOLEAN'],
  [/^TIMESTAMP WITH TIME ZONE/, 'TIMESTAMP'],
  [/^TIMESTAMP/, 'DATETIME'],
  [/^DATE/, 'DATE'],
  [/^TIME/, 'TIME'],
  [/^BLOB/, 'BYTES'],
  [/^"?NULL"?/, 'INTEGER'],
];

/** A DuckDB type in the API's words. */
export function fieldOf(name: string, type: string): Field {
  const repeated = type.endsWith('[]');
  const found = NAMES.find(([pattern]) => pattern.test(type))?.[1];
  if (found === undefined) throw new Error(`the peer has no name for DuckDB's type ${type}`);
  return { name, type: found, mode: repeated ? 'REPEATED' : 'NULLABLE' };
}

function cell(value: DuckDBValue, field: Field, int64Timestamps: boolean): unknown {
  if (value === null) return field.mode === 'REPEATED' ? [] : null;
  if (field.mode === 'REPEATED' && typeof value === 'object' && 'items' in value && Array.isArray(value.items)) {
    return value.items.map((item: DuckDBValue) => ({ v: cell(item, { ...field, mode: 'NULLABLE' }, int64Timestamps) }));
  }
  if (
    field.type === 'TIMESTAMP' &&
    typeof value === 'object' &&
    'micros' in value &&
    typeof value.micros === 'bigint'
  ) {
    return int64Timestamps ? String(value.micros) : String(Number(value.micros) / 1e6);
  }
  return String(value);
}

/** Result as the API sends it: every value a text. */
export interface WireResult {
  readonly fields: readonly Field[];
  rows(int64Timestamps: boolean): { f: { v: unknown }[] }[];
}

/** What a query answered, for the wire. */
export function wireResult(result: DuckDBResultReader): WireResult {
  const names = result.columnNames();
  const fields = result.columnTypes().map((type, i) => fieldOf(names[i] ?? `f${i}_`, type.alias ?? String(type)));
  const rows = result.getRows();
  return {
    fields,
    rows: (int64Timestamps) =>
      rows.map((row) => ({
        f: fields.map((field, i) => ({ v: cell(row[i] ?? null, field, int64Timestamps) })),
      })),
  };
}

/** A page of rows, as they are asked for. */
export function pageReply(result: WireResult, asked: URLSearchParams): object {
  const from = Number(asked.get('pageToken') ?? 0);
  const most = Number(asked.get('maxResults') ?? 1000);
  const rows = result.rows(asked.get('formatOptions.useInt64Timestamp') === 'true');
  const more = from + most < rows.length ? { pageToken: String(from + most) } : {};
  return { rows: rows.slice(from, from + most), totalRows: String(rows.length), ...more };
}
