import type { Command } from 'commander';
import type { Config, Connection } from '../../../config/types.ts';
import { noCounts } from '../../contract/run.ts';
import type { StateRow } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { acquireLease } from '../../journal/lease.ts';
import { ledgerFile, removeLedger } from '../../journal/ledger.ts';
import { unbindAccount } from '../../sql/forget.ts';
import { recipeOf } from '../../sync/fingerprint.ts';
import { rebuildNow } from '../../sync/recover.ts';
import { stateOf } from '../../sync/state.ts';
import { confirm } from '../confirm.ts';
import { globalsOf } from '../globals.ts';
import { listFrom } from '../ledgers.ts';
import { print } from '../print.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf, openWarehouse } from '../workplace.ts';

async function warehouseState(config: Config, name: string, stop: Stop): Promise<StateRow | null> {
  const session = await openWarehouse(config, 'read', { signal: stop.signal, waiting: () => undefined });
  try {
    const identity = (await session?.identity(name)) ?? null;
    if (session === null || identity === null) return null;
    return await stateOf(config.warehouse.dialect, name, session, identity);
  } finally {
    await session?.close();
  }
}

/** `rollcall state show <connection>`: what ledger and warehouse believe, side by side. */
export async function showState(name: string, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  const stop = stopOnSignals();
  try {
    const [ledger = null] = listFrom(config, connection, (journal) => [
      {
        ...journal.facts(),
        inactive: journal.inactive(),
        open_scan: summary(journal.scan()),
        open_batch: journal.openBatch(),
        sealed_batch: journal.sealed()?.batch_id ?? null,
      },
    ]);
    const file = ledgerFile(config.state.dir, name);
    const state = {
      connection: name,
      recipe: recipeOf(connection),
      file,
      ledger,
      warehouse: await warehouseState(config, name, stop),
    };
    print(JSON.stringify(state, null, globals.json ? 0 : 2));
    return 0;
  } finally {
    stop.release();
  }
}

function summary(
  scan: { kind: string; pages: number; cursor: string | null; moved_at: string; complete: boolean } | null,
) {
  if (scan === null) return null;
  const { kind, pages, cursor, moved_at, complete } = scan;
  return { kind, pages, cursor, moved_at, complete };
}

/** `rollcall state rebuild <connection>`: a new ledger from the warehouse's own rows. */
export async function rebuildState(name: string, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  const stop = stopOnSignals();
  const seen = view(name, { ...globals, quiet: true });
  try {
    const users = await rebuild(config, connection, depsOf(config, connection, seen, stop.signal));
    print(
      globals.json
        ? JSON.stringify({ connection: name, users })
        : `${name}: the ledger was rebuilt; it knows ${users} live users`,
    );
    return 0;
  } finally {
    seen.done();
    stop.release();
  }
}

async function rebuildOnce(connection: Connection, deps: ReturnType<typeof depsOf>): Promise<number> {
  const { journal } = await deps.ledger.open();
  const recovery = {
    deps,
    journal,
    recipe: recipeOf(connection),
    account: '',
    counts: noCounts(),
    warnings: [],
    record: () => undefined,
  };
  try {
    recovery.account = journal.facts().account ?? '';
    await rebuildNow(recovery, 'it was asked for');
    for (const warning of recovery.warnings) process.stderr.write(`note: ${connection.name}: ${warning}\n`);
    return recovery.journal.facts().live;
  } finally {
    recovery.journal.close();
  }
}

async function rebuild(config: Config, connection: Connection, deps: ReturnType<typeof depsOf>): Promise<number> {
  const release = acquireLease(config.state.dir, connection.name);
  try {
    return await rebuildOnce(connection, deps);
  } catch (error) {
    if (!(error instanceof RollcallError) || !error.ledgerLost) throw error;
    // It is out of the way now.
    return await rebuildOnce(connection, deps);
  } finally {
    release();
  }
}

/** `rollcall state reset <connection>`: unbinds the account and drops the ledger; the rows stay. */
export async function resetState(name: string, options: { yes?: true }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  connectionOf(config, name);
  const question = `Unbind ${name} from its account and drop its ledger? The rows stay; the next sync compares them with whatever account the credential then has.`;
  if (!(await confirm(question, options.yes === true))) return 0;
  const stop = stopOnSignals();
  const release = acquireLease(config.state.dir, name);
  try {
    const session = await openWarehouse(config, 'write', { signal: stop.signal, waiting: () => undefined });
    try {
      if ((await session?.identity(name)) != null) await session?.run([unbindAccount(config.warehouse.dialect, name)]);
    } finally {
      await session?.close();
    }
    removeLedger(config.state.dir, name);
    print(
      globals.json
        ? JSON.stringify({ connection: name, reset: true })
        : `${name}: reset; the next sync binds it to the account of its credential`,
    );
    return 0;
  } finally {
    release();
    stop.release();
  }
}
