import type { Dialect } from '../contract/dialect.ts';
import type { Run } from '../contract/run.ts';
import type { Param, Statement } from '../contract/warehouse.ts';
import { COUNT_COLUMNS, SYNC_RUNS } from './tables.ts';

/** Most rows of runs in one statement: its text and its parameters stay well within what warehouses take. */
export const RUNS_AT_ONCE = 50;

function values(run: Run): Record<string, Param> {
  const counts = Object.fromEntries(COUNT_COLUMNS.map((name) => [name, run.counts[name]]));
  return {
    run_id: run.run_id,
    connection: run.connection,
    source: run.source,
    kind: run.kind,
    trigger: run.trigger,
    outcome: run.outcome,
    scheduled_at: run.scheduled_at,
    started_at: run.started_at,
    finished_at: run.finished_at,
    ...counts,
    usage: run.usage === null ? null : JSON.stringify(run.usage),
    error: run.error === null ? null : `${run.error.kind}: ${run.error.message}`,
  };
}

function replace(d: Dialect, connection: string, runs: readonly Run[]): Statement[] {
  const { columns } = SYNC_RUNS;
  const row = `select ${columns.map(({ type }) => (type === 'text' ? '?' : d.tryCast('?', type))).join(', ')}`;
  const names = columns.map(({ name }) => d.name(name)).join(', ');
  const table = d.table(SYNC_RUNS.name);
  return [
    {
      sql: `delete from ${table} where ${d.name('connection')} = ? and ${d.name('run_id')} in (${runs.map(() => '?').join(', ')})`,
      params: [connection, ...runs.map((run) => run.run_id)],
    },
    {
      sql: `insert into ${table} (${names}) ${runs.map(() => row).join(' union all ')}`,
      params: runs.map(values).flatMap((found) => columns.map(({ name }) => found[name] ?? null)),
    },
  ];
}

/** Replaces the rows of some runs, so that sending them again is harmless. */
export function writeRuns(d: Dialect, runs: readonly Run[]): Statement[] {
  const ofConnections = [...Map.groupBy(runs, (run) => run.connection)];
  return ofConnections.flatMap(([connection, all]) => {
    const parts = Array.from({ length: Math.ceil(all.length / RUNS_AT_ONCE) }, (_, i) =>
      all.slice(i * RUNS_AT_ONCE, (i + 1) * RUNS_AT_ONCE),
    );
    return parts.flatMap((part) => replace(d, connection, part));
  });
}
