import type { Command } from 'commander';
import { globalsOf } from '../globals.ts';
import { listFrom } from '../ledgers.ts';
import { print, table } from '../print.ts';
import { chosen, configOf } from '../workplace.ts';

/** Records that a listing shows. */
const SHOWN = 1000;

/** `rollcall rejected list [connection]`: records that could not be loaded, and why. */
export async function listRejected(name: string | undefined, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const found = chosen(config, name === undefined ? [] : [name]).flatMap((connection) =>
    listFrom(config, connection, (ledger) => ledger.rejected(SHOWN)).map((record) => ({
      connection: connection.name,
      ...record,
    })),
  );
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
