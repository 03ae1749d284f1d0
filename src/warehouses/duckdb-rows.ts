import type { DuckDBResult, DuckDBValue } from '@duckdb/node-api';
import type { Row } from '../contract/warehouse.ts';
import { parseJson } from '../http/json.ts';

/** Years that RFC 3339 and JavaScript can write; DuckDB has more, and `infinity`. */
const FARTHEST = 8_640_000_000_000_000_000n;

/** Microseconds since 1970 as RFC 3339 text with six digits of fraction. */
function instant(micros: bigint): string {
  if (micros > FARTHEST || micros < -FARTHEST) return micros > 0n ? 'infinity' : '-infinity';
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (micros - fraction) / 1_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(fraction).padStart(6, '0')}Z`;
}

function integer(value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : String(value);
}

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

/** Names in lower case, told apart where that makes two the same. */
function lowered(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name.toLowerCase();
    for (let n = 1; taken.has(free); n += 1) free = `${name.toLowerCase()}_${n}`;
    taken.add(free);
    return free;
  });
}

/** Rows of a result as they arrive; JSON columns are parsed. */
export async function* rowsOf(result: DuckDBResult): AsyncIterable<Row> {
  const names = lowered(result.columnNames());
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
