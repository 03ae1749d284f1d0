import type { Command } from 'commander';
import type { Config } from '../../../config/types.ts';
import type { Statement } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { acquireLease } from '../../journal/lease.ts';
import { removeLedger } from '../../journal/ledger.ts';
import { eraseUser, forgetConnection } from '../../sql/forget.ts';
import { settleSealed } from '../../sync/settle.ts';
import { confirm } from '../confirm.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf, openWarehouse } from '../workplace.ts';

async function runInWarehouse(
  config: Config,
  name: string,
  statements: readonly Statement[],
  signal: AbortSignal,
): Promise<void> {
  const session = await openWarehouse(config, 'write', { signal, waiting: () => undefined });
  try {
    if ((await session?.identity(name)) != null) await session?.run(statements);
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
    await runInWarehouse(config, name, forgetConnection(config.warehouse.warehouse.dialect, name), stop.signal);
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
    const { journal } = await deps.ledger.open();
    try {
      await settleSealed(deps, journal);
      journal.dropPending();
      await runInWarehouse(config, name, eraseUser(config.warehouse.warehouse.dialect, name, id), stop.signal);
      journal.erase(id);
    } finally {
      journal.close();
    }
    print(
      globals.json ? JSON.stringify({ connection: name, user_id: id, erased: true }) : `${name}: user ${id} is erased`,
    );
    return 0;
  } finally {
    release();
    seen.done();
    stop.release();
  }
}
