import Table from 'cli-table3';
import type { Run, Usage } from '../contract/run.ts';
import { bytesText } from './bytes.ts';

/** Results go to stdout, one line at a time; everything else goes to stderr. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const CELL_WIDTH = 60;

/** A text on one line. Control characters of a name must not reach the terminal. */
export const oneLine = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');

/** A value as a cell: short, on one line. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const line = oneLine(text);
  return line.length > CELL_WIDTH ? `${line.slice(0, CELL_WIDTH - 1)}…` : line;
}

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Rows as an aligned table under their names, without frames, so that it can be copied. */
export function table(names: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const drawn = new Table({ chars: PLAIN, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] } });
  drawn.push(
    [...names],
    names.map((name) => '-'.repeat(name.length)),
    ...rows.map((row) => row.map(cell)),
  );
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A run as `--json` prints it. */
export function runObject(run: Run): Record<string, unknown> {
  const { connection, run_id, kind, outcome, counts, kept, warnings, usage, error } = run;
  return {
    connection,
    run_id,
    kind,
    outcome,
    ...counts,
    ...(kept.unproven + kept.inactive > 0 ? { kept } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(usage === null ? {} : { usage }),
    ...(error === null ? {} : { error }),
  };
}

const number = (value: number): string => value.toLocaleString('en-US');

const count = (value: number, noun: string): string => `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

/** Milliseconds as people say them. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** What a run used of a warehouse that charges for it. */
function usageText({ jobs, bytes, bytes_billed, slot_ms }: Usage): string {
  const parts = [`${bytesText(bytes)} loaded`, bytes_billed > 0 && `${bytesText(bytes_billed)} billed`];
  const slots = slot_ms > 0 && `${duration(slot_ms)} of slot time`;
  return `  used: ${[...parts, slots, count(jobs.length, 'job')].filter((part) => part !== false).join(', ')}`;
}

/** What a run did, in a few lines for a person. */
export function runText(run: Run): string {
  const { counts, kept } = run;
  const changes = [
    counts.inserted > 0 && `${number(counts.inserted)} new`,
    counts.updated > 0 && `${number(counts.updated)} changed`,
    counts.restored > 0 && `${number(counts.restored)} back`,
    counts.deleted > 0 && `${number(counts.deleted)} gone`,
    counts.rejected > 0 && `${number(counts.rejected)} rejected`,
    `${number(counts.unchanged)} unchanged`,
  ].filter((part) => part !== false);
  const cost = `${count(counts.pages, 'page')}, ${count(counts.requests, 'request')}, ${count(counts.statements, 'statement')}`;
  const lines = [
    `${run.connection}: ${run.outcome} — ${count(counts.seen, 'user')} seen: ${changes.join(', ')} (${cost}, ${duration(counts.duration_ms)})`,
  ];
  if (kept.inactive > 0)
    lines.push(`  ${count(kept.inactive, 'row')} kept as inactive: no longer listed, still found by id`);
  if (run.usage !== null) lines.push(usageText(run.usage));
  for (const warning of run.warnings) lines.push(`  note: ${warning}`);
  if (counts.rejected > 0) lines.push(`  see why: select * from rejected_records`);
  if (run.error !== null) lines.push(`  ${run.error.message}`);
  return lines.join('\n');
}

/** What a dry run found: the sums, and up to 20 of the changes. */
export function dryRunText(
  run: Run,
  samples: readonly { op: string; user_id: string; name: string | null; changed: readonly string[] }[],
): string {
  const { inserted, restored, updated, deleted, unchanged } = run.counts;
  const sums = `+${number(inserted + restored)} ~${number(updated)} -${number(deleted)} =${number(unchanged)}`;
  const lines = [
    `${run.connection}: dry run ${run.outcome}, nothing was written: ${sums} (${count(run.counts.seen, 'user')} seen)`,
  ];
  for (const warning of run.warnings) lines.push(`  note: ${warning}`);
  if (run.error !== null) lines.push(`  ${run.error.message}`);
  if (samples.length > 0) {
    const rows = samples.map(({ op, user_id, name, changed }) => [op, user_id, name, changed.join(', ')]);
    lines.push('', table(['op', 'user_id', 'name', 'changed'], rows));
  }
  return lines.join('\n');
}
