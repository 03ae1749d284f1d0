import { loadConfig } from '../../config/loader.ts';
import type { Config } from '../../config/types.ts';
import { type RunningWorker, startWorker } from '../../jobs/worker.ts';
import type { Tools } from '../../jobs/workshop.ts';
import { toolsOf } from '../../src/cli/commands/worker.ts';
import type { Home } from './cli.ts';

/** A line of a worker's log in this process. */
export interface Said {
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A worker in this process. */
export interface OwnWorker extends RunningWorker {
  readonly said: Said[];
  /** Facts of the lines with this message. */
  told(message: string): Readonly<Record<string, unknown>>[];
}

/** The checked configuration of a home. */
export function configOfHome(home: Home, file = home.config): Promise<Config> {
  return loadConfig({ file, cwd: home.folder, env: {} });
}

/** Starts a worker in this process; `change` gives it other tools: a clock, another engine. */
export async function ownWorker(
  config: Config,
  change: (tools: Tools) => Tools = (tools) => tools,
): Promise<OwnWorker> {
  const said: Said[] = [];
  const note = (facts: object, message: string): void => void said.push({ message, facts: { ...facts } });
  const log = { debug: () => undefined, info: note, warn: note, error: note };
  const fatal = (error: Error): never => {
    throw error;
  };
  const worker = await startWorker(config, change(toolsOf(config, log, fatal, (text) => text)));
  return {
    ...worker,
    said,
    told: (message) => said.filter((line) => line.message === message).map(({ facts }) => facts),
  };
}
