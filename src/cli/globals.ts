import type { Command } from 'commander';

/** Options that every command takes, before or after its name. */
export interface Globals {
  readonly config?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** The global options as they were given to a command. */
export function globalsOf(command: Command): Globals {
  const { config, json = false, quiet = false, verbose = false } = command.optsWithGlobals<Partial<Globals>>();
  return { ...(config === undefined ? {} : { config }), json, quiet, verbose };
}
