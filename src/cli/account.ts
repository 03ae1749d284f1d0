import type { Config, Connection } from '../../config/types.ts';
import type { Reader } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import type { Deps } from '../sync/settings.ts';
import { lookInto } from './ledgers.ts';

/** The account that the connection's rows are of, by its ledger or else by the warehouse; "" when nobody says. */
async function boundTo(config: Config, connection: Connection, deps: Deps): Promise<string> {
  const known = lookInto(config, connection, (journal) => journal.facts().account) ?? '';
  if (known !== '') return known;
  const session = await deps.open('read');
  try {
    return (await session?.identity(connection.name))?.state?.account ?? '';
  } finally {
    await session?.close();
  }
}

/** The credential's account. Throws `config` when the connection holds the users of another one: nothing is written to that. */
export async function checkAccount(
  config: Config,
  connection: Connection,
  deps: Deps,
  reader: Reader,
): Promise<string> {
  const account = (await reader.account()).id;
  const bound = await boundTo(config, connection, deps);
  if (bound === '' || account === '' || bound === account) return account;
  const { name } = connection;
  throw new RollcallError(
    'config',
    `${name}: the credential belongs to account ${account}, but this connection holds the users of account ${bound}; nothing is written. Use that account's credential`,
    { connection: name, step: 'compare the accounts' },
  );
}
