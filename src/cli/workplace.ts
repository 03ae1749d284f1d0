import { existsSync } from 'node:fs';
import type { Config, Connection } from '../../config/types.ts';
import type { Budget } from '../contract/budget.ts';
import type { Observer } from '../contract/run.ts';
import type { Access, OpenContext, Session } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { memoryBudget } from '../http/budget.ts';
import { makeIo } from '../http/client.ts';
import { fileBudget } from '../journal/budget-file.ts';
import { acquireLease } from '../journal/lease.ts';
import { makeLedger } from '../journal/ledger.ts';
import type { Deps } from '../sync/settings.ts';

/** The longest stretch that a one-off command waits for a server's rate limit, in ms. */
const PATIENCE = 120_000;

/** Loads the configuration of a command. The loader is imported here, so that `--help` does without it. */
export async function configOf(file: string | undefined): Promise<Config> {
  const { loadConfig } = await import('../../config/loader.ts');
  return loadConfig({ ...(file === undefined ? {} : { file }), cwd: process.cwd(), env: process.env });
}

/** A connection by its name; the error names those there are. */
export function connectionOf(config: Config, name: string): Connection {
  const found = config.connections.get(name);
  if (found !== undefined) return found;
  const names = [...config.connections.keys()].join(', ');
  throw new RollcallError(
    'config',
    `no connection is called ${name}; ${config.file} has ${names === '' ? 'none' : names}`,
    { step: 'config' },
  );
}

/** The connections that a command is for: those named, or all. */
export function chosen(config: Config, names: readonly string[]): Connection[] {
  if (names.length > 0) return names.map((name) => connectionOf(config, name));
  if (config.connections.size > 0) return [...config.connections.values()];
  throw new RollcallError('config', `${config.file} has no connections; add one under \`connections:\``, {
    step: 'config',
  });
}

/** Opens the configured warehouse; null for `read` when it is not there yet. The caller closes it. */
export function openWarehouse(
  config: Config,
  access: Access,
  context: Omit<OpenContext, 'scratch'>,
): Promise<Session | null> {
  const { warehouse, options } = config.warehouse;
  return warehouse.open(options, access, { scratch: config.state.dir, ...context });
}

/** Requests are paced with whoever else does so in the state folder. A command that leaves nothing behind makes none. */
function budgetOf({ state }: Config): Budget & { close(): void } {
  return existsSync(state.dir) ? fileBudget(state.dir) : { ...memoryBudget(), close: () => undefined };
}

/** Everything that a run of one connection works with. */
export function depsOf(config: Config, connection: Connection, observer: Observer, signal: AbortSignal): Deps {
  const { name, source } = connection;
  const { warehouse, dialect } = config.warehouse;
  return {
    settings: connection,
    warehouse: { freeWrites: warehouse.freeWrites, insertsConflict: warehouse.insertsConflict, dialect },
    ledger: makeLedger({ connection: name, source: source.name, folder: config.state.dir }),
    observer,
    signal,
    ...(warehouse.batch === undefined ? {} : { batch: warehouse.batch }),
    connect: (counts) => {
      const budget = budgetOf(config);
      const io = makeIo({
        api: source.api(connection.options),
        connection: name,
        limits: connection.limits,
        budget,
        signal,
        patienceMs: PATIENCE,
        secrets: config.secrets,
        watch: {
          sent: () => {
            counts.requests += 1;
          },
          answered: () => undefined,
          retried: () => {
            counts.retries += 1;
          },
          waiting: (ms, reason) => observer.waiting(ms, reason),
          waited: (ms) => {
            counts.waited_ms += Math.round(ms);
          },
        },
      });
      const close = (): void => {
        io.close();
        budget.close();
      };
      return { reader: source.reader(connection.options, io), close };
    },
    open: (access) => openWarehouse(config, access, { signal, waiting: (ms, reason) => observer.waiting(ms, reason) }),
    lease: async () => acquireLease(config.state.dir, name),
  };
}
