import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { POSTGRES_CONF } from './embedded-options.ts';
import type { Answered, Asked } from './embedded-wire.ts';

/** Postgres in a thread of its own: a statement holds up whoever runs it, and the worker has locks to renew. */
async function serve(port: NonNullable<typeof parentPort>, folder: string): Promise<void> {
  const say = (message: Answered): void => port.postMessage(message);
  // As the driver of a server gives them: 64-bit integers as text.
  const db = await PGlite.create({
    dataDir: folder,
    parsers: { 20: (value: string) => value },
    postgresqlconf: POSTGRES_CONF,
  });
  db.onNotification((channel, payload) => say({ kind: 'notification', channel, payload }));
  const answer = async ({ id, text, params }: Asked): Promise<void> => {
    try {
      const results = params === null ? await db.exec(text) : [await db.query(text, params)];
      const last = results.at(-1);
      const rows = (last?.rows ?? []) as unknown[];
      say({
        kind: 'result',
        id,
        rows,
        rowCount: last === undefined ? 0 : Math.max(rows.length, last.affectedRows ?? 0),
      });
    } catch (error) {
      const { message, code, detail } = error as Error & { code?: string; detail?: string };
      say({
        kind: 'failure',
        id,
        message,
        ...(code === undefined ? {} : { code }),
        ...(detail === undefined ? {} : { detail }),
      });
    }
  };
  port.on('message', (asked: Asked | 'close') => {
    if (asked === 'close') void db.close().then(() => port.close());
    else void answer(asked);
  });
  say({ kind: 'ready' });
}

if (parentPort !== null) {
  // Given by `embeddedPool`.
  const { folder } = workerData as { folder: string };
  await serve(parentPort, folder);
}
