import type { Config } from '../config/types.ts';
import { openBackend } from '../jobs/queue/open-backend.ts';
import type { RunData } from '../jobs/requests.ts';
import { type Lateness, latenessOf } from './worker-report.ts';

/** The floor: jobs with the payloads of the runs, due at one moment, that do nothing. */
export async function floorOf(config: Config, connections: number): Promise<Lateness> {
  const backend = await openBackend(config, {
    ms: 5000,
    warn: () => undefined,
    fatal: (error) => Promise.reject(error),
  });
  const queue = backend.queue<RunData, number>('runs');
  const due = Date.now() + 3000;
  const late: number[] = [];
  const all = Promise.withResolvers<void>();
  const worker = backend.worker<RunData, number>('runs', {
    process: async () => {
      late.push(Date.now() - due);
      if (late.length === connections) all.resolve();
      return 0;
    },
    options: { concurrency: config.worker.concurrency },
  });
  const scheduled_at = new Date(due).toISOString();
  const jobs = Array.from({ length: connections }, (_, i) => ({
    name: 'sync',
    data: { connection: `c${i}`, kind: 'sync', trigger: 'schedule', scheduled_at, allow_deletes: false } as const,
    opts: {
      delay: due - Date.now(),
      priority: 2,
      deduplication: { id: `c${i}` },
      attempts: 5,
      backoff: { type: 'custom' },
    },
  }));
  await queue.addBulk(jobs);
  const running = worker.run();
  await all.promise;
  await worker.close();
  await running;
  await queue.close();
  await backend.store.close();
  await backend.close();
  return latenessOf(late);
}
