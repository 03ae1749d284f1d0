import type { Command } from 'commander';
import { noCounts } from '../../contract/run.ts';
import type { WriteOp } from '../../contract/writes.ts';
import { isAbort, locate, RollcallError } from '../../errors.ts';
import { columnRules } from '../../sync/columns.ts';
import { type Given, rowOf, secretProblems } from '../../writes/row.ts';
import { globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { commandProblem } from '../secret-values.ts';
import { stopOnSignals } from '../stop.ts';
import { view } from '../terminal.ts';
import { configOf, connectionOf, depsOf } from '../workplace.ts';
import { writesOf } from '../writable.ts';
import { carryOut } from '../writing.ts';

/** Options of the commands that write one user. */
interface UserOptions {
  readonly set?: readonly string[];
  readonly yes?: true;
}

function usage(message: string): RollcallError {
  return new RollcallError('config', message, { step: 'users' });
}

const NO_ID = 'the id of the user is empty';

/** `roles+=c` is the name `roles+` and the value `c`. */
function pairs(set: readonly string[]): [string, string][] {
  return set.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw usage('--set takes field=value, or field+=value to add to a list');
    return [text.slice(0, at).trim(), text.slice(at + 1)];
  });
}

async function writeOne(op: WriteOp, who: { name: string; id: string | null }, options: UserOptions, command: Command) {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, who.name);
  const writes = writesOf(connection, [{ op, where: '' }]);
  if (who.id?.trim() === '') throw usage(NO_ID);
  const values = pairs(options.set ?? []);
  if (op !== 'delete' && values.length === 0) throw usage(`say what to ${op}: --set field=value`);
  const given: Given = { op, user_id: who.id, values, where: '' };
  const problems = secretProblems(writes, given, commandProblem);
  if (problems.length > 0) throw usage(problems.join('\n'));
  const rows = [rowOf(writes, connection.source.name, given)];
  return carryOut({ config, connection, writes, globals, rows, yes: options.yes === true, remembers: false });
}

/** `rollcall users create <connection> --set k=v…`. */
export async function createUser(name: string, options: UserOptions, command: Command): Promise<number> {
  return writeOne('create', { name, id: null }, options, command);
}

/** `rollcall users update <connection> <id> --set k=v…`. */
export async function updateUser(name: string, id: string, options: UserOptions, command: Command): Promise<number> {
  return writeOne('update', { name, id }, options, command);
}

/** `rollcall users delete <connection> <id>`. */
export async function deleteUser(name: string, id: string, options: UserOptions, command: Command): Promise<number> {
  return writeOne('delete', { name, id }, options, command);
}

/** `rollcall users get <connection> <id>`: the user as the source has him now, under the connection's column rules. */
export async function getUser(name: string, id: string, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = connectionOf(config, name);
  const { source } = connection;
  if (id.trim() === '') throw usage(NO_ID);
  const stop = stopOnSignals();
  const seen = view(name, globals);
  const { reader, close } = depsOf(config, connection, seen, stop.signal).connect(noCounts());
  try {
    const refs = await reader.refs();
    const [found] = await Array.fromAsync(reader.find({ ids: [id] }));
    if (found === undefined)
      throw new RollcallError('refused', `${name}: ${source.name} has no user ${id}`, {
        connection: name,
        step: 'users',
      });
    const raw = columnRules(connection)(found);
    const user = { connection: name, source: source.name, ...source.user(raw, refs, null), raw };
    print(JSON.stringify(user, null, globals.json ? 0 : 2));
    return 0;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw locate(error, name, 'look up the user');
  } finally {
    close();
    seen.done();
    stop.release();
  }
}
