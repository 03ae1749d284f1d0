import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBInstance } from '@duckdb/node-api';
import type { OpenContext } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';

/** The file, and what DuckDB may take for it. */
export interface DuckdbFile {
  readonly path: string;
  readonly memory_limit: string;
  readonly threads: number;
}

/** How long a file that another process holds is waited for, in ms. */
const LOCK_PATIENCE = 30_000;
const LOCK_POLL = 100;

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** DuckDB's words as an error that says who must act. */
export function explain(error: unknown, step: string, path: string): RollcallError {
  if (error instanceof RollcallError) return error;
  const text = words(error);
  const first = text.split('\n', 1)[0] ?? text;
  if (/no space left|could not write|disk is full/i.test(text)) {
    return new RollcallError(
      'transient',
      `the disk is full: DuckDB could not write ${path}; free space and run again`,
      { step, cause: error },
    );
  }
  if (/conflict on|transactioncontext|write-write/i.test(text)) {
    return new RollcallError('transient', `another program changed ${path} at the same time (${first})`, {
      step,
      cause: error,
    });
  }
  if (/permission denied|read-only file system/i.test(text)) {
    return new RollcallError('config', `may not write ${path}; check its owner and the folder's permissions`, {
      step,
      cause: error,
    });
  }
  if (/out of memory/i.test(text)) {
    return new RollcallError(
      'config',
      `DuckDB needs more memory than warehouse.memory_limit allows; raise it (${first})`,
      {
        step,
        cause: error,
      },
    );
  }
  return new RollcallError('bug', `DuckDB refused a statement: ${first}`, { step, cause: error });
}

function holder(text: string): string {
  const found = /held in ([^(]*)\(PID (\d+)\)/.exec(text);
  return found === null ? 'another process' : `process ${found[2]} (${(found[1] ?? '').trim()})`;
}

/** Opens the file, waiting while another process holds it. */
export async function openFile(o: DuckdbFile, readOnly: boolean, context: OpenContext): Promise<DuckDBInstance> {
  const { DuckDBInstance: instances } = await import('@duckdb/node-api');
  const settings = { threads: String(o.threads), memory_limit: o.memory_limit, preserve_insertion_order: 'false' };
  const until = Date.now() + LOCK_PATIENCE;
  for (;;) {
    try {
      return await instances.create(o.path, readOnly ? { ...settings, access_mode: 'READ_ONLY' } : settings);
    } catch (error) {
      const text = words(error);
      if (!/could not set lock|conflicting lock|being used by another process/i.test(text))
        throw openFailed(error, o.path);
      if (Date.now() >= until) {
        throw new RollcallError(
          'busy',
          `${o.path} is held by ${holder(text)} for more than 30 s; close that program and run again`,
          { step: 'open warehouse', cause: error },
        );
      }
      context.waiting(LOCK_POLL, `the warehouse file is held by ${holder(text)}`);
      await sleep(LOCK_POLL, undefined, { signal: context.signal });
    }
  }
}

/** Makes the folder that the file lies in. */
export function makeRoom(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new RollcallError(
      'config',
      `cannot make the folder of ${path}: ${words(error)}; set warehouse.path to a place that this user may write`,
      {
        step: 'open warehouse',
        cause: error,
      },
    );
  }
}

function openFailed(error: unknown, path: string): RollcallError {
  const text = words(error);
  if (/not a valid duckdb database|corrupt|serialization|storage version/i.test(text)) {
    return new RollcallError(
      'config',
      `${path} is not a DuckDB file this version can read; move it away or set another warehouse.path`,
      { step: 'open warehouse', cause: error },
    );
  }
  if (/permission denied|read-only file system|cannot open file|is a directory|could not read from file/i.test(text)) {
    return new RollcallError(
      'config',
      `cannot open ${path}: ${text.split('\n', 1)[0]}; check the path and its permissions`,
      { step: 'open warehouse', cause: error },
    );
  }
  return explain(error, 'open warehouse', path);
}
