import type { Config, Connection } from '../../config/types.ts';
import type { Journal } from '../contract/journal.ts';
import { RollcallError } from '../errors.ts';
import { readLedgerIfThere } from '../journal/ledger.ts';

/** Looks into a connection's ledger without the lease; null when there is none yet. Throws where it cannot be read. */
export function lookInto<T>(config: Config, connection: Connection, look: (ledger: Journal) => T): T | null {
  const place = { connection: connection.name, source: connection.source.name, folder: config.state.dir };
  return readLedgerIfThere(place, look);
}

/** The same for a listing of several: a ledger that cannot be read is told of and has nothing to list. */
export function listFrom<T>(
  config: Config,
  connection: Connection,
  list: (ledger: Journal) => readonly T[],
): readonly T[] {
  try {
    return lookInto(config, connection, list) ?? [];
  } catch (error) {
    if (!(error instanceof RollcallError)) throw error;
    process.stderr.write(`rollcall: ${error.message}\n`);
    return [];
  }
}
