import type { Run, RunKind, Trigger } from '../contract/run.ts';
import { failedRun, newRun } from '../sync/report.ts';
import type { Settings } from '../sync/settings.ts';

/** What was asked of a run. */
interface Asked {
  readonly kind: RunKind;
  readonly trigger: Trigger;
  readonly scheduled_at: string | null;
}

/** What a run that could not begin looks like: there is no row of it anywhere. */
export function notBegun(connection: Settings, asked: Asked, error: unknown): Run {
  const now = new Date().toISOString();
  return failedRun({ ...newRun(connection, asked, now), run_id: '', finished_at: now }, error);
}

/** The exit code of one run. */
export function codeOf(run: Run): number {
  if (run.outcome === 'ok') return 0;
  if (run.outcome === 'refused') return 3;
  return run.error?.kind === 'config' ? 2 : 1;
}
