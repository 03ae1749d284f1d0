import { randomUUID } from 'node:crypto';
import { noCounts, type Outcome, type Run, type RunKind, type Trigger } from '../contract/run.ts';
import { isAbort, locate, RollcallError } from '../errors.ts';
import type { Settings } from './settings.ts';

/** A run that has not done anything yet. */
export function newRun(
  settings: Settings,
  asked: { readonly kind: RunKind; readonly trigger: Trigger; readonly scheduled_at: string | null },
  started_at: string,
): Run {
  return {
    run_id: randomUUID(),
    connection: settings.name,
    source: settings.source.name,
    kind: asked.kind,
    trigger: asked.trigger,
    outcome: null,
    scheduled_at: asked.scheduled_at,
    started_at,
    finished_at: null,
    counts: noCounts(),
    kept: { unproven: 0, inactive: 0 },
    warnings: [],
    usage: null,
    error: null,
  };
}

function outcomeOf(error: unknown): Outcome {
  if (isAbort(error)) return 'interrupted';
  return error instanceof RollcallError && error.kind === 'refused' ? 'refused' : 'failed';
}

/** The same run, ended by an error. Being asked to stop is no error. */
export function failedRun(run: Run, failure: unknown): Run {
  const outcome = outcomeOf(failure);
  if (outcome === 'interrupted') return { ...run, outcome };
  const { kind, step, message, retryable } = locate(failure, run.connection, 'run');
  return { ...run, outcome, error: { kind, step, message, retryable } };
}
