import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import type { Rejected } from '../../contract/journal.ts';
import type { Row } from '../../contract/warehouse.ts';
import { readRejected } from '../../sql/quarantine.ts';
import { globalsOf } from '../globals.ts';
import { listFrom } from '../ledgers.ts';
import { print, table } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { chosen, configOf, openWarehouse } from '../workplace.ts';

/** Records that a listing shows. */
const SHOWN = 1000;

type Listed = Rejected & { readonly connection: string };

const textOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));

function recordOf(row: Row): Rejected {
  return {
    payload_hash: String(row.payload_hash),
    run_id: String(row.run_id),
    page: Number(row.page ?? 0),
    user_id: textOrNull(row.user_id),
    reason: String(row.reason),
    payload: String(row.payload),
    rejected_at: String(row.rejected_at),
    replayed_at: textOrNull(row.replayed_at),
  };
}

/** What the warehouse has in quarantine, and what waits in the ledger to get there; newest first. */
async function rejectedOf(config: Config, connection: Connection, signal: AbortSignal): Promise<Listed[]> {
  const { dialect } = config.warehouse;
  const session = await openWarehouse(config, 'read', { signal, waiting: () => undefined });
  const there: Rejected[] = [];
  try {
    if (session !== null && (await session.identity(connection.name)) !== null) {
      for await (const row of session.read(readRejected(dialect, connection.name, SHOWN, false)))
        there.push(recordOf(row));
    }
  } finally {
    await session?.close();
  }
  const hashes = new Set(there.map((record) => record.payload_hash));
  const waiting = listFrom(config, connection, (ledger) => ledger.rejected(SHOWN)).filter(
    (record) => !hashes.has(record.payload_hash),
  );
  return [...waiting, ...there].map((record) => ({ connection: connection.name, ...record }));
}

/** `rollcall rejected list [connection]`: records that could not be loaded, and why. */
export async function listRejected(name: string | undefined, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const stop = stopOnSignals();
  const found: Listed[] = [];
  try {
    for (const connection of chosen(config, name === undefined ? [] : [name]))
      found.push(...(await rejectedOf(config, connection, stop.signal)));
  } finally {
    stop.release();
  }
  if (globals.json) print(JSON.stringify(found));
  else if (found.length === 0) print('no rejected records');
  else {
    const rows = found.map((record) => [
      record.rejected_at.slice(0, 19).replace('T', ' '),
      record.connection,
      record.user_id,
      record.reason,
      record.replayed_at === null ? '' : 'replayed',
      record.payload,
    ]);
    print(table(['rejected', 'connection', 'user_id', 'reason', '', 'record'], rows));
  }
  return 0;
}
