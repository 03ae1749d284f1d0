import { createInterface } from 'node:readline/promises';
import { RollcallError } from '../errors.ts';

/** Asks before something that cannot be taken back. Without a terminal to ask on, --yes must have been given. */
export async function confirm(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (process.stdin.isTTY !== true) {
    throw new RollcallError('config', `${question} Nobody is here to ask: add --yes to do it`, { step: 'confirm' });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} [y/N] `)).trim().toLowerCase() === 'y';
  } finally {
    terminal.close();
  }
}
