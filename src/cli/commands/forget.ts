import type { Command } from 'commander';
import type { Config } from '../../../config/types.ts';
import type { Session, Statement } from '../../contract/warehouse.ts';
import { locate, RollcallError } from '../../errors.ts';
import { acquireLease } from '../../journal/lease.ts';
import { hasFiles, removeLedger } from '../../journal/ledger.ts';
import { eraseUser, forgetConnection, readRows, readTraces } from '../../sql/forget.ts';
import { settleSealed } from '../../sync/settle.ts';
import { confirm } from '../confirm.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf, openWarehouse } from '../workplace.ts';

/** What a table has of whom or what is dropped: `traces`, a number. */
interface Drop {
  readonly traces: Statement;
  readonly statements: readonly Statement[];
}

/** What came of dropping it in the warehouse. */
interface Dropped {
  /** There was something to drop. */
  readonly some: boolean;
  readonly warnings: readonly string[];
}

/** Writes the warehouse's own files anew. Where that fails, the rows are gone all the same, and what remains is said. */
async function scrubbed(session: Session, name: string): Promise<string[]> {
  try {
    await session.scrub?.();
    return [];
  } catch (error) {
    const { message } = locate(error, name, 'rewrite the file');
    return [
      `the rows are deleted, but the warehouse's file could not be written anew: ${message}. Its free space keeps what was deleted until it is used again; copy what you need into a new file to be rid of it`,
    ];
  }
}

async function runInWarehouse(
  config: Config,
  name: string,
  { traces, statements }: Drop,
  signal: AbortSignal,
): Promise<Dropped> {
  const session = await openWarehouse(config, 'write', { signal, waiting: () => undefined });
  try {
    if (session === null || (await session.identity(name)) === null) return { some: false, warnings: [] };
    const [row] = await Array.fromAsync(session.read(traces));
    await session.run(statements);
    return { some: Number(row?.traces) > 0, warnings: await scrubbed(session, name) };
  } finally {
    await session?.close();
  }
}

function say(globals: Globals, done: Record<string, unknown>, warnings: readonly string[], words: string): void {
  print(globals.json ? JSON.stringify({ ...done, ...(warnings.length > 0 ? { warnings } : {}) }) : words);
  for (const warning of warnings) process.stderr.write(`rollcall: ${warning}\n`);
}

/** Refuses a name that nothing is known of: it is mistyped. */
async function checkKnown(config: Config, name: string): Promise<void> {
  if (config.connections.has(name) || hasFiles(config.state.dir, name)) return;
  const never = new AbortController().signal;
  const session = await openWarehouse(config, 'read', { signal: never, waiting: () => undefined });
  try {
    if (session !== null && (await session.identity(name)) !== null) {
      const [row] = await Array.fromAsync(session.read(readRows(config.warehouse.dialect, name)));
      if (Number(row?.traces) > 0) return;
    }
  } finally {
    await session?.close();
  }
  const names = [...config.connections.keys()].join(', ');
  throw new RollcallError(
    'config',
    `nothing is known of a connection ${name}: no table has a row of it, and it has no ledger. ${config.file} has ${names === '' ? 'no connections' : names}`,
    { step: 'forget' },
  );
}

/** `rollcall forget <connection>`: everything of a connection, also of one that the config no longer has. */
export async function forget(name: string, options: { yes?: true }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name))
    throw new RollcallError('config', `${name} is not a connection's name`, { step: 'forget' });
  await checkKnown(config, name);
  const question = `Drop every row and the state of ${name}: its users, their history, runs and quarantined records? This cannot be taken back.`;
  if (!(await confirm(question, options.yes === true))) return 0;
  const stop = stopOnSignals();
  const release = acquireLease(config.state.dir, name);
  try {
    const { dialect } = config.warehouse;
    const drop = { traces: readRows(dialect, name), statements: forgetConnection(dialect, name) };
    const { warnings } = await runInWarehouse(config, name, drop, stop.signal);
    removeLedger(config.state.dir, name);
    say(globals, { connection: name, forgotten: true }, warnings, `${name}: forgotten`);
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
    let dropped: Dropped;
    try {
      await settleSealed(deps, journal);
      journal.dropPending();
      dropped = await runInWarehouse(config, name, drop, stop.signal);
      journal.erase(id);
    } finally {
      journal.close();
    }
    const { some: erased, warnings } = dropped;
    const said = erased ? `user ${id} is erased` : `no table has anything of a user ${id}; nothing was erased`;
    say(globals, { connection: name, user_id: id, erased }, warnings, `${name}: ${said}`);
    return 0;
  } finally {
    release();
    seen.done();
    stop.release();
  }
}
