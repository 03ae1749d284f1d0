import { hostname, userInfo } from 'node:os';
import type { Connection } from '../../config/types.ts';
import type { WriteOp, Writes } from '../contract/writes.ts';
import { RollcallError } from '../errors.ts';

/** What a source can be written. Throws `config` when it cannot, or not in this way. */
export function writesOf(
  { name, source }: Connection,
  wanted: readonly { readonly op: WriteOp; readonly where: string }[],
): Writes {
  const { writes } = source;
  const refuse = (why: string): RollcallError =>
    new RollcallError('config', `${name}: ${why}`, { connection: name, step: 'users' });
  if (writes === undefined) throw refuse(`${source.name} can only be read: Rollcall knows no way to write to it`);
  const lacking = wanted.find(({ op }) => !writes.ops.includes(op));
  if (lacking === undefined) return writes;
  const where = lacking.where === '' ? '' : `${lacking.where}: `;
  throw refuse(`${where}${source.name} has no operation to ${lacking.op} users; it can ${writes.ops.join(', ')} them`);
}

/** Who runs this process, for `user_writes`. */
export function actor(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container may run under a number that no user of it has.
    return `uid ${process.getuid?.() ?? '?'}@${hostname()}`;
  }
}
