import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RollcallError } from '../../errors.ts';

/** Where the running worker of a state folder is found. */
export interface Address {
  readonly pid: number;
  readonly url: string;
  readonly since: string;
}

const addressFile = (folder: string): string => join(folder, 'worker.json');
const tokenFile = (folder: string): string => join(folder, 'worker.token');

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new RollcallError(
      'config',
      `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}; only the user who runs the worker may`,
      {
        step: 'worker',
        cause: error,
      },
    );
  }
}

/** The token of a state folder: made once, for its owner alone. */
export function ownToken(folder: string): string {
  const file = tokenFile(folder);
  const known = read(file);
  if (known !== null && known.length >= 32) {
    chmodSync(file, 0o600);
    return known;
  }
  rmSync(file, { force: true });
  const token = randomBytes(32).toString('base64url');
  try {
    writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return token;
  } catch (error) {
    // Another worker of this folder was first.
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return read(file) ?? token;
    throw new RollcallError(
      'config',
      `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}; set state.dir to a folder that this user may write`,
      { step: 'worker', cause: error },
    );
  }
}

/** Says where this worker is; the result takes it back, unless another one has moved in. */
export function writeAddress(folder: string, address: Address): () => void {
  const file = addressFile(folder);
  const text = JSON.stringify(address);
  // Whoever reads it meanwhile finds the old one or the new one, whole.
  writeFileSync(`${file}.${process.pid}`, text, { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
  return () => {
    if (read(file) === text) rmSync(file, { force: true });
  };
}

/** The address and the token that a worker left in a state folder; null when there are none. */
export function findWorker(folder: string): { readonly address: Address; readonly token: string } | null {
  const text = read(addressFile(folder));
  const token = read(tokenFile(folder));
  if (text === null || token === null) return null;
  try {
    // Written by `writeAddress`.
    return { address: JSON.parse(text) as Address, token };
  } catch (error) {
    // What a power cut left of it.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
