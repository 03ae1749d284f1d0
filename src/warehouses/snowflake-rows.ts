import type { Column } from 'snowflake-sdk';
import type { Row } from '../contract/warehouse.ts';
import { isExact, parseJson } from '../http/json.ts';
import { instant, integer, lowered } from './plain.ts';

const isInstant = (value: object): value is { getEpochSeconds(): number; getNanoSeconds(): number } =>
  'getEpochSeconds' in value && 'getNanoSeconds' in value;

/** Snowflake's number, which comes as text: a number where JavaScript can hold it, else as it came. */
function number(text: string): number | string {
  if (/^-?\d+$/.test(text)) return integer(BigInt(text));
  return isExact(text) ? Number(text) : text;
}

/** JSON as it stands in a VARIANT; a value that JSON does not have (`undefined`) stays text. */
function json(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** A value of the driver's as plain JavaScript: what JSON can hold, without loss. */
function plain(column: Column, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') {
    if (column.isNumber()) return number(value);
    return column.isVariant() || column.isArray() || column.isObject() || column.isMap() ? json(value) : value;
  }
  if (typeof value !== 'object') return value;
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (!isInstant(value)) return JSON.parse(JSON.stringify(value));
  const micros = BigInt(value.getEpochSeconds()) * 1_000_000n + BigInt(Math.floor(value.getNanoSeconds() / 1000));
  return column.isDate() ? instant(micros).slice(0, 10) : instant(micros);
}

/** What reads the rows of one result. */
interface RowReader {
  /** Its columns, as our rows have them. */
  readonly names: readonly string[];
  read(row: readonly unknown[]): Row;
}

/** Turns rows of the driver's, in array mode, into ours. */
export function rowReader(columns: readonly Column[]): RowReader {
  const names = lowered(columns.map((column) => column.getName()));
  return {
    names,
    read: (row) => Object.fromEntries(columns.map((column, i) => [names[i] ?? '', plain(column, row[i])])),
  };
}
