import type { Command } from 'commander';
import type { Config } from '../../../config/types.ts';
import type { Statement } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { acquireLease } from '../../journal/lease.ts';
import { removeLedger } from '../../journal/ledger.ts';
import { eraseUser, forgetConnection, readTraces } from '../../sql/forget.ts';
import { settleSealed } from '../../sync/settle.ts';
import { confirm } from '../confirm.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf, openWarehouse } from '../workplace.ts';

/** What a table has of whom or what is dropped: `traces`, a number. */
interface Drop {
  readonly traces: Statement | null;
  readonly statements: readonly Statement[];
}

/** Returns false where there was nothing to drop. */
async function runInWarehouse(
  config: Config,
  name: string,
  { traces, statements }: Drop,
  signal: AbortSignal,
): Promise<boolean> {
  const session = await openWarehouse(config, 'write', { signal, waiting: () => undefined });
  try {
    if (session === null || (await session.identity(name)) === null) return false;
    const [row] = traces === null ? [] : await Array.fromAsync(session.read(traces));
    const some = traces === null || Number(row?.traces) > 0;
    await session.run(statements);
    await session.scrub?.();
    return some;
  } finally {
    await session?.close();
  }
}

/** `rollcall forget <connection>`: everything of a connection, also of one that the config no longer has. */
export async function forget(name: string, options: { yes?: true }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name))
    throw new RollcallError('config', `${name} is not a connection's name`, { step: 'forget' });
  const question = `Drop every row and the state of ${name}: its users, their history, runs and quarantined records? This cannot be taken back.`;
  if (!(await confirm(question, options.yes === true))) return 0;
  const stop = stopOnSignals();
  const release = acquireLease(config.state.dir, name);
  try {
    const { dialect } = config.warehouse;
    await runInWarehouse(config, name, { traces: null, statements: forgetConnection(dialect, name) }, stop.signal);
    removeLedger(config.state.dir, name);
    print(globals.json ? JSON.stringify({ connection: name, forgotten: true }) : `${name}: forgotten`);
    return 0;
  } finally {
    release();
    stop.release();
  }
}

/** `rollcall erase <connection> <id>`: one person with his history. */
export async function erase(name: string, id: string, options: { yes?: true }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  const question = `Erase user ${id} of ${name} with his whole history? This cannot be taken back; while the source still lists him, he returns with the next sync.`;
  if (!(await confirm(question, options.yes === true))) return 0;
  const stop = stopOnSignals();
  const seen = view(name, { ...globals, quiet: true });
  const release = acquireLease(config.state.dir, name);
  try {
    const deps = depsOf(config, connection, seen, stop.signal);
    const { dialect } = config.warehouse;
    const drop = { traces: readTraces(dialect, name, id), statements: eraseUser(dialect, name, id) };
    const { journal } = await deps.ledger.open();
    let erased: boolean;
    try {
      await settleSealed(deps, journal);
      journal.dropPending();
      erased = await runInWarehouse(config, name, drop, stop.signal);
      journal.erase(id);
    } finally {
      journal.close();
    }
    const said = erased ? `user ${id} is erased` : `no table has anything of a user ${id}; nothing was erased`;
    print(globals.json ? JSON.stringify({ connection: name, user_id: id, erased }) : `${name}: ${said}`);
    return 0;
  } finally {
    release();
    seen.done();
    stop.release();
  }
}
