import type { Config, Connection } from '../../config/types.ts';
import type { Journal } from '../contract/journal.ts';
import { readLedgerIfThere } from '../journal/ledger.ts';

/** Looks into a connection's ledger without the lease; null when there is none yet. */
export function lookInto<T>(config: Config, connection: Connection, look: (ledger: Journal) => T): T | null {
  return readLedgerIfThere(
    { connection: connection.name, source: connection.source.name, folder: config.state.dir },
    look,
  );
}
