import type { ColumnType, Dialect } from '../contract/dialect.ts';
import { RECORD_COLUMNS } from './tables.ts';

/**
 * Staged lines (`s`) with each value in its column's type, as `cast` writes it. What a MERGE sets may then be plain
 * columns of its source: not every engine takes more.
 */
export function typedLines(d: Dialect, lines: string, cast: (column: string, type: ColumnType) => string): string {
  const plainly = ['op', 'user_id', 'fingerprint'].map((name) => `s.${d.name(name)}`);
  const record = RECORD_COLUMNS.map(({ name, type }) => `${cast(name, type)} as ${d.name(name)}`);
  return `(select ${[...plainly, ...record].join(', ')} from ${lines} s)`;
}
