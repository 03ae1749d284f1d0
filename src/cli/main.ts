import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { isAbort, RollcallError } from '../errors.ts';
import { addCommands } from './commands.ts';

const ABOUT = `Every user of every system a company runs on, in one warehouse table, and what changed.

Start with \`rollcall demo\` (nothing to set up) or \`rollcall init\` (your first connection).`;

function version(): string {
  // Our own file, written by hand.
  const { version: found } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return found;
}

function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (isAbort(error)) return 130;
  if (error instanceof RollcallError) {
    process.stderr.write(`rollcall: ${error.message}\n`);
    if (verbose)
      process.stderr.write(`${error.stack ?? ''}\n${error.cause instanceof Error ? error.cause.stack : ''}\n`);
    if (error.kind === 'config') return 2;
    return error.kind === 'refused' ? 3 : 1;
  }
  const words = error instanceof Error ? error.message : String(error);
  process.stderr.write(`rollcall: this is a bug in Rollcall: ${words}. Start it with --verbose to see where\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return 1;
}

/** Whoever reads our output may stop early (`| head`); that is no error, and a run goes on to its end. */
function tolerateClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** Runs one command and answers with its exit code. Called by bin/rollcall.js. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('rollcall')
    .description(ABOUT)
    .version(version(), '--version', 'print the version')
    .option('--config <file>', 'the configuration (default: rollcall.yaml, then config/rollcall.yaml)')
    .option('--json', 'machine-readable results on stdout')
    .option('--quiet', 'no progress and no notes')
    .option('--verbose', 'more of what happens, and stacks of errors')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride();
  tolerateClosedOutput();
  let code = 0;
  addCommands(program, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    return report(error, argv.includes('--verbose'));
  }
}
