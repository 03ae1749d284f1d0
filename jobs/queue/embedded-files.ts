import { execFile } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Makes the files of an embedded Postgres, whole or not at all. That takes some 600 MB of memory for a few seconds, most of
 * which the process that does it never gives back: so another one does, with WebAssembly compiled in the plain way.
 */
export async function makeFiles(data: string): Promise<void> {
  const begun = `${data}.new-`;
  for (const name of readdirSync(dirname(data)))
    if (name.startsWith(basename(begun))) rmSync(join(dirname(data), name), { recursive: true, force: true });
  const made = `${begun}${process.pid}`;
  const entry = fileURLToPath(new URL(`./embedded-init${extname(import.meta.url)}`, import.meta.url));
  try {
    await run(process.execPath, ['--liftoff-only', entry, made]);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    const [why = 'no reason was given'] = said.split('\n').filter((line) => /Error|Abort|ENOSPC/.test(line));
    throw new Error(`its files could not be made: ${why.trim()}`, { cause: error });
  }
  renameSync(made, data);
}
