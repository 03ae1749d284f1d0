import type { Command } from 'commander';
import type { Run } from '../../contract/run.ts';
import { globalsOf } from '../globals.ts';
import { listFrom } from '../ledgers.ts';
import { duration, print, runObject, table } from '../print.ts';
import { chosen, configOf } from '../workplace.ts';

const listed = (run: Run): Record<string, unknown> => {
  const { source, trigger, scheduled_at, started_at, finished_at } = run;
  return { ...runObject(run), source, trigger, scheduled_at, started_at, finished_at };
};

/** `rollcall runs [connection]`: what ran, newest first. */
export async function runs(name: string | undefined, options: { limit: number }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const found: Run[] = [];
  for (const connection of chosen(config, name === undefined ? [] : [name])) {
    found.push(...listFrom(config, connection, (ledger) => ledger.runs(options.limit)));
  }
  const newest = found.toSorted((a, b) => b.started_at.localeCompare(a.started_at)).slice(0, options.limit);
  if (globals.json) print(JSON.stringify(newest.map(listed)));
  else if (newest.length === 0) print('no runs yet: `rollcall sync` makes the first');
  else {
    const names = [
      'started',
      'connection',
      'kind',
      'outcome',
      'seen',
      'new',
      'changed',
      'gone',
      'back',
      'rejected',
      'took',
      'error',
    ];
    const rows = newest.map(({ counts, ...run }) => [
      run.started_at.slice(0, 19).replace('T', ' '),
      run.connection,
      run.kind,
      run.outcome ?? 'running',
      counts.seen,
      counts.inserted,
      counts.updated,
      counts.deleted,
      counts.restored,
      counts.rejected,
      duration(counts.duration_ms),
      run.error?.message ?? '',
    ]);
    print(table(names, rows));
  }
  return 0;
}
