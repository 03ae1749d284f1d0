import type { FieldValue } from '../contract/writes.ts';
import type { RowResult, Told } from '../writes/apply.ts';
import type { Globals } from './globals.ts';
import { print } from './print.ts';

/** Control characters of a name must not reach the terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');

function words(value: FieldValue): string {
  if (value === null) return '(none)';
  if (typeof value === 'object') return value.length === 0 ? '(none)' : value.join(', ');
  return value === '' ? '(empty)' : String(value);
}

function line({ result, label }: Told): string {
  const { outcome, op, user_id, changes, error } = result;
  const who = [user_id ?? '(new)', label === null ? '' : `(${label})`].filter((part) => part !== '').join(' ');
  const what = Object.entries(changes).map(
    ([field, [before, after]]) => `${field}: ${words(before)} → ${words(after)}`,
  );
  const shown = what.length === 0 ? '' : `  ${what.join('; ')}`;
  const why = error === undefined ? '' : `\n             ${error.message}`;
  return `${outcome.padEnd(11)}${op} ${plain(who)}${plain(shown)}${why}`;
}

/** Tells a row: an object a line with --json, else a line for a person. */
export function tellRow(told: Told, { json, quiet }: Globals): void {
  if (json) print(JSON.stringify(told.result));
  else if (!quiet || !['applied', 'unchanged', 'planned'].includes(told.result.outcome)) print(line(told));
}

/** `3 applied, 1 unchanged`. */
export function sums(results: readonly RowResult[]): string {
  const outcomes = ['applied', 'planned', 'unchanged', 'refused', 'failed', 'unknown'] as const;
  const counted = outcomes.map((outcome) => [results.filter((result) => result.outcome === outcome).length, outcome]);
  const there = counted.filter(([count]) => count !== 0).map(([count, outcome]) => `${count} ${outcome}`);
  return there.length === 0 ? 'nothing to do' : there.join(', ');
}

/** The exit code that results alone ask for. */
export function codeOf(results: readonly RowResult[]): number {
  const outcomes = new Set(results.map((result) => result.outcome));
  if (outcomes.has('failed') || outcomes.has('unknown')) return 1;
  return outcomes.has('refused') ? 3 : 0;
}
