import { existsSync } from 'node:fs';
import type { Config, Connection } from '../../config/types.ts';
import type { Journal } from '../contract/journal.ts';
import { ledgerFile, readLedger } from '../journal/ledger.ts';

/** Looks into a connection's ledger without the lease; null when there is none yet. */
export function lookInto<T>(config: Config, connection: Connection, look: (ledger: Journal) => T): T | null {
  const place = { connection: connection.name, source: connection.source.name, folder: config.state.dir };
  if (!existsSync(ledgerFile(config.state.dir, connection.name))) return null;
  return readLedger(place, look);
}
