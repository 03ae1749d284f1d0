import { DuckDBListType, type DuckDBResult, type DuckDBType, DuckDBTypeId, type DuckDBValue } from '@duckdb/node-api';

/** A column as the server describes it. */
export interface RowType {
  readonly name: string;
  readonly type: string;
  readonly scale: number | null;
  readonly precision: number | null;
  readonly length: number | null;
  readonly nullable: boolean;
}

/** A whole result: every value as text. */
export interface Rowset {
  readonly rowtype: readonly RowType[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const column = (name: string, type: string, scale: number | null = null): RowType => ({
  name,
  type,
  scale,
  precision: type === 'fixed' ? 38 : null,
  length: type === 'text' ? 16_777_216 : null,
  nullable: true,
});

/** A result of texts, as commands and SHOW answer. */
export function texts(names: readonly string[], rows: readonly (readonly (string | null)[])[]): Rowset {
  return { rowtype: names.map((name) => column(name, 'text')), rows };
}

/** The answer of a statement that changed rows. */
export function counts(changed: Readonly<Record<string, number>>): Rowset {
  const names = Object.keys(changed);
  const rowtype = names.map((name) => column(name, 'fixed', 0));
  return { rowtype, rows: [names.map((name) => String(changed[name]))] };
}

/** Adds a column of times to a result of texts. */
export function timed(rowset: Rowset, name: string): Rowset {
  return {
    ...rowset,
    rowtype: rowset.rowtype.map((found) => (found.name === name ? column(name, 'timestamp_ltz', 9) : found)),
  };
}

const WHOLE: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
]);

function described(name: string, type: DuckDBType): RowType {
  if (type.alias === 'JSON') return column(name, 'variant');
  if (WHOLE.has(type.typeId)) return column(name, 'fixed', 0);
  if (type.typeId === DuckDBTypeId.DECIMAL) return column(name, 'fixed', 'scale' in type ? Number(type.scale) : 0);
  if (type.typeId === DuckDBTypeId.DOUBLE || type.typeId === DuckDBTypeId.FLOAT) return column(name, 'real');
  if (type.typeId === DuckDBTypeId.BOOLEAN) return column(name, 'boolean');
  if (type.typeId === DuckDBTypeId.DATE) return column(name, 'date');
  if (type.typeId === DuckDBTypeId.TIMESTAMP) return column(name, 'timestamp_ntz', 9);
  if (type.typeId === DuckDBTypeId.TIMESTAMP_TZ) return column(name, 'timestamp_tz', 9);
  if (type.typeId === DuckDBTypeId.LIST) return column(name, 'array');
  return column(name, 'text');
}

/** Microseconds since 1970 as seconds with nine digits of fraction. */
export function seconds(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = (micros - fraction) / 1_000_000n;
  if (whole >= 0n || fraction === 0n) return `${whole}.${String(fraction).padStart(6, '0')}000`;
  // Negative times count down: -0.000001 is a microsecond before 1970.
  return `-${-(whole + 1n)}.${String(1_000_000n - fraction).padStart(6, '0')}000`;
}

/** A list as JSON text; JSON inside it stays as it is. */
function listText(type: DuckDBType, value: DuckDBValue): string {
  const items = value !== null && typeof value === 'object' && 'items' in value ? value.items : [];
  const isJson = type instanceof DuckDBListType && type.valueType.alias === 'JSON';
  const texts = Array.isArray(items) ? items.map((item) => (isJson ? String(item) : JSON.stringify(item))) : [];
  return `[${texts.join(',')}]`;
}

function written(type: string, of: DuckDBType, value: DuckDBValue): string | null {
  if (value === null) return null;
  if (type === 'boolean') return value === true ? '1' : '0';
  if (type === 'array') return listText(of, value);
  if (typeof value !== 'object') return String(value);
  if ('micros' in value && typeof value.micros === 'bigint') {
    return type === 'timestamp_tz' ? `${seconds(value.micros)} 1440` : seconds(value.micros);
  }
  if ('days' in value && type === 'date') return String(value.days);
  return value.toString();
}

/** A DuckDB result as the server would send it. */
export async function rowsetOf(result: DuckDBResult): Promise<Rowset> {
  const types = result.columnTypes();
  const names = result.columnNames();
  const rowtype = types.map((type, i) => described(names[i] ?? '', type));
  const rows = await result.getRows();
  return {
    rowtype,
    rows: rows.map((row) => types.map((type, i) => written(rowtype[i]?.type ?? 'text', type, row[i] ?? null))),
  };
}
