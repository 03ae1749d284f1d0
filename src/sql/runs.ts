import type { Dialect } from '../contract/dialect.ts';
import type { Run } from '../contract/run.ts';
import type { Param, Statement } from '../contract/warehouse.ts';
import { COUNT_COLUMNS, SYNC_RUNS } from './tables.ts';

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

/** Replaces the run's row, so that sending it again is harmless. */
export function writeRun(d: Dialect, run: Run): Statement[] {
  const row = values(run);
  const bound = SYNC_RUNS.columns.map(({ type }) => (type === 'text' ? '?' : d.tryCast('?', type)));
  const names = SYNC_RUNS.columns.map(({ name }) => d.name(name)).join(', ');
  const table = d.table(SYNC_RUNS.name);
  return [
    {
      sql: `delete from ${table} where ${d.name('connection')} = ? and ${d.name('run_id')} = ?`,
      params: [run.connection, run.run_id],
    },
    {
      sql: `insert into ${table} (${names}) select ${bound.join(', ')}`,
      params: SYNC_RUNS.columns.map(({ name }) => row[name] ?? null),
    },
  ];
}
