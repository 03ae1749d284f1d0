import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse as parseDotenv } from 'dotenv';
import { RollcallError } from '../src/errors.ts';
import type { LoadRequest } from './types.ts';

const DEFAULT_FILES = ['rollcall.yaml', 'config/rollcall.yaml'];

/** The error of a configuration that cannot be used. */
export function refused(message: string, cause?: unknown): RollcallError {
  return new RollcallError('config', message, { step: 'config', cause });
}

/** The text of a file; undefined where there is none. */
async function read(path: string, purpose: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    const reason =
      code === 'EISDIR' ? 'it is a folder' : code === 'EACCES' ? 'this user may not read it' : String(error);
    throw refused(`cannot read ${purpose} ${path}: ${reason}`, error);
  }
}

/** The file that was named, or else the first of the usual ones, with its text. */
export async function find(request: LoadRequest): Promise<{ file: string; text: string }> {
  const candidates = request.file === undefined ? DEFAULT_FILES : [request.file];
  for (const candidate of candidates) {
    const file = resolve(request.cwd, candidate);
    const text = await read(file, 'the configuration');
    if (text !== undefined) return { file, text };
  }
  throw refused(
    request.file === undefined
      ? `no configuration: neither ${DEFAULT_FILES.join(' nor ')} is in ${request.cwd}; write one with \`rollcall init\`, or name one with --config`
      : `no configuration: there is no file ${resolve(request.cwd, request.file)}; check --config, or write one with \`rollcall init\``,
  );
}

/** The environment laid over the `.env` of a folder. */
export async function variables(folder: string, env: NodeJS.ProcessEnv): Promise<ReadonlyMap<string, string>> {
  const beside = parseDotenv((await read(resolve(folder, '.env'), 'the variables in')) ?? '');
  const found = new Map(Object.entries(beside));
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) found.set(name, value);
  }
  return found;
}
