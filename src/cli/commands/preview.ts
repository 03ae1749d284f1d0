import type { Command } from 'commander';
import { isObject } from '../../contract/json.ts';
import { noCounts } from '../../contract/run.ts';
import type { UserRecord } from '../../contract/user.ts';
import { BadRecord, RollcallError } from '../../errors.ts';
import { columnRules } from '../../sync/columns.ts';
import { globalsOf } from '../globals.ts';
import { print, table } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf } from '../workplace.ts';

/** Pieces of a listing in a row without anybody. */
const MOST_BARREN = 100;

function endless(name: string): RollcallError {
  const message = `${name}: the listing does not end: ${MOST_BARREN} pages in a row had no user. If it stays, report it to the system's vendor`;
  return new RollcallError('bad-data', message, { connection: name, step: 'list users' });
}

/** `rollcall preview <connection>`: the first users as they would be loaded; nothing is written. */
export async function preview(name: string, options: { limit: number }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  const stop = stopOnSignals();
  const seen = view(name, globals);
  const { reader, close } = depsOf(config, connection, seen, stop.signal).connect(noCounts());
  const users: (UserRecord | { rejected: string })[] = [];
  try {
    const refs = await reader.refs();
    const rules = columnRules(connection);
    let barren = 0;
    for await (const chunk of reader.list(null)) {
      barren = chunk.records.length > 0 ? 0 : barren + 1;
      if (barren === MOST_BARREN) throw endless(name);
      for (const record of chunk.records.slice(0, options.limit - users.length)) {
        try {
          users.push(
            isObject(record)
              ? connection.source.user(rules(record), refs, chunk.active)
              : { rejected: 'the record is not an object' },
          );
        } catch (error) {
          if (!(error instanceof BadRecord)) throw error;
          users.push({ rejected: error.message });
        }
      }
      if (chunk.last || users.length >= options.limit) break;
    }
  } finally {
    close();
    seen.done();
    stop.release();
  }
  if (globals.json) print(JSON.stringify(users));
  else {
    const names = ['user_id', 'email', 'name', 'roles', 'active', 'availability'];
    const rows = users.map((user) =>
      'rejected' in user
        ? ['', '', `rejected: ${user.rejected}`]
        : [
            user.user_id,
            user.email,
            user.name,
            user.roles.map((role) => role.slug ?? role.name ?? role.id).join(', '),
            user.active,
            user.availability,
          ],
    );
    print(table(names, rows));
  }
  return 0;
}
