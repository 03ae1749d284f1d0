import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { COST_FILE, type Cost } from './probe.ts';

/** One finished process: what it printed, how long it took from start to end, and what it cost. */
export interface Measured extends Cost {
  readonly stdout: string;
  readonly seconds: number;
}

const PROBE = new URL('./probe.ts', import.meta.url).href;

/** What is run, and where. Aborting the signal kills it. */
export interface Program {
  readonly folder: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
}

async function finish({ folder, args, signal }: Program, file: string) {
  signal.throwIfAborted();
  const child = spawn(process.execPath, ['--import', PROBE, ...args], {
    cwd: folder,
    env: { ...process.env, [COST_FILE]: file },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): boolean => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    const [code] = await once(child, 'close');
    const [stdout, stderr] = await output;
    return { code, stdout, stderr };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** Runs a Node program to its end and measures it. Throws when it fails. */
export async function measure(program: Program): Promise<Measured> {
  const file = join(program.folder, 'cost.json');
  const began = performance.now();
  const { code, stdout, stderr } = await finish(program, file);
  const seconds = (performance.now() - began) / 1000;
  program.signal.throwIfAborted();
  if (code !== 0) throw new Error(`\`node ${program.args.join(' ')}\` ended with code ${code}:\n${stderr}${stdout}`);
  // Written by probe.ts.
  const cost = JSON.parse(readFileSync(file, 'utf8')) as Cost;
  return { ...cost, stdout, seconds };
}
