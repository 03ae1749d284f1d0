import type { WriteLog } from '../contract/writes.ts';
import { writeWrites } from '../sql/writes.ts';
import type { Deps } from './settings.ts';

/** Rows of one statement. */
const ROWS = 100;

/** Sends the ended writes that the warehouse does not have to `user_writes`. False: there are no tables yet, and they wait. */
export async function sendWrites(deps: Deps, log: WriteLog): Promise<boolean> {
  if (log.unsent(1).length === 0) return true;
  const session = await deps.open('write');
  if (session === null) throw new Error('a warehouse opened for writing is never absent');
  try {
    if ((await session.identity(deps.settings.name)) === null) return false;
    for (;;) {
      const entries = log.unsent(ROWS);
      if (entries.length === 0) return true;
      await session.run(writeWrites(deps.warehouse.dialect, deps.settings.name, entries));
      log.markSent(entries.map((entry) => entry.write_id));
    }
  } finally {
    await session.close();
  }
}
