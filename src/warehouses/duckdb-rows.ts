import type { DuckDBResult, DuckDBValue } from '@duckdb/node-api';
import type { ReadOptions, Row } from '../contract/warehouse.ts';
import { parseJson } from '../http/json.ts';
import { instant, integer, lowered } from './plain.ts';

/** A DuckDB value as plain JavaScript: what JSON can hold, without loss. */
function plain(value: DuckDBValue): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return integer(value);
  // Times of day and intervals count microseconds too; the class is not imported, for that would load DuckDB.
  const isInstant = value.constructor.name.startsWith('DuckDBTimestamp');
  if (isInstant && 'micros' in value && typeof value.micros === 'bigint') return instant(value.micros);
  if ('items' in value && Array.isArray(value.items)) return value.items.map(plain);
  if ('entries' in value && typeof value.entries === 'object' && !Array.isArray(value.entries)) {
    return Object.fromEntries(Object.entries(value.entries).map(([key, inner]) => [key, plain(inner)]));
  }
  return value.toString();
}

/** Rows of a result as they arrive; JSON columns are parsed. */
export async function* rowsOf(result: DuckDBResult, { columns }: ReadOptions = {}): AsyncIterable<Row> {
  const names = lowered(result.columnNames());
  columns?.(names);
  const json = result.columnTypes().map((type) => type.alias === 'JSON');
  for await (const rows of result.yieldRows()) {
    for (const values of rows) {
      yield Object.fromEntries(
        names.map((column, i) => {
          const value = values[i] ?? null;
          return [column, json[i] && typeof value === 'string' ? parseJson(value) : plain(value)];
        }),
      );
    }
  }
}
