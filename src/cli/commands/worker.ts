import { hostname } from 'node:os';
import { format } from 'node:util';
import type { Command } from 'commander';
import type { Config } from '../../../config/types.ts';
import { isEmbedded } from '../../../jobs/store/open.ts';
import { type RunningWorker, startWorker } from '../../../jobs/worker.ts';
import type { Tools } from '../../../jobs/workshop.ts';
import { redactor } from '../../http/redact.ts';
import { makeFolder } from '../../journal/database.ts';
import { acquireLease } from '../../journal/lease.ts';
import { globalsOf } from '../globals.ts';
import { type Stop, stopOnSignals } from '../stop.ts';
import { logger } from '../terminal.ts';
import { ownToken, writeAddress } from '../worker/address.ts';
import { routesOf } from '../worker/routes.ts';
import { type Listening, serve } from '../worker/server.ts';
import { configOf, depsIn, openWarehouse } from '../workplace.ts';

/** A process that lingers after its worker has closed is ended after so long, in ms. */
const LINGER_MS = 300;

/** Ends the process with one clear line: whatever went wrong here, nobody knows what still holds. */
function endOn(secrets: (text: string) => string, verbose: boolean): (error: unknown) => never {
  return (error) => {
    const words = secrets(error instanceof Error ? error.message : String(error));
    process.stderr.write(`rollcall: the worker ends because of an unexpected error: ${words}\n`);
    if (verbose && error instanceof Error) process.stderr.write(`${secrets(error.stack ?? '')}\n`);
    process.exit(1);
  };
}

/** What libraries print becomes a line of the log, as everything else is; the same words again and again are one. */
function hearLibraries(log: Tools['log'], secrets: Tools['secrets']): void {
  let last = '';
  const say = (...words: unknown[]): void => {
    const text = secrets(format(...words));
    if (text !== last) log.warn({}, text);
    last = text;
  };
  console.warn = say;
  console.error = say;
}

/** What a worker process of this configuration works with. */
export function toolsOf(config: Config, log: Tools['log'], fatal: Tools['fatal'], secrets: Tools['secrets']): Tools {
  return {
    log,
    host: hostname(),
    secrets,
    deps: (connection, around) => depsIn(config, connection, around),
    open: (access, signal, waiting) => openWarehouse(config, access, { signal, waiting }),
    lease: (connection) => acquireLease(config.state.dir, connection),
    fatal,
    now: () => Date.now(),
  };
}

/** The HTTP side, and where commands find it; null where it is turned off. */
async function openHttp(config: Config, worker: RunningWorker): Promise<Listening | null> {
  const { http } = config.worker;
  if (http === false) return null;
  const listening = await serve(routesOf(worker), ownToken(config.state.dir), http);
  if (!isEmbedded(config)) return listening;
  const forget = writeAddress(config.state.dir, {
    pid: process.pid,
    url: listening.url,
    since: new Date().toISOString(),
  });
  return {
    url: listening.url,
    close: () => {
      forget();
      listening.close();
    },
  };
}

/** Starts the worker and its HTTP side. Where one of them cannot be, nothing is left that would keep the process from its end. */
async function begun(config: Config, tools: Tools): Promise<{ running: RunningWorker; http: Listening | null }> {
  let running: RunningWorker | null = null;
  try {
    running = await startWorker(config, tools);
    return { running, http: await openHttp(config, running) };
  } catch (error) {
    await running?.stop();
    setTimeout(() => process.exit(), LINGER_MS).unref();
    throw error;
  }
}

function aborted(stop: Stop): Promise<void> {
  return new Promise((resolve) => {
    if (stop.signal.aborted) resolve();
    else stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** `rollcall worker`: keeps the schedules and does the runs, until it is told to stop. */
export async function worker(_options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const secrets = redactor(config.secrets);
  const fatal = endOn(secrets, globals.verbose);
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  makeFolder(config.state.dir);
  const log = logger(globals);
  hearLibraries(log, secrets);
  const stop = stopOnSignals();
  const { running, http } = await begun(config, toolsOf(config, log, fatal, secrets));
  const { backend } = running.shop;
  log.info(
    {
      pid: process.pid,
      http: http?.url ?? false,
      queue: backend.place,
      connections: config.connections.size,
      concurrency: config.worker.concurrency,
    },
    'worker ready',
  );
  await aborted(stop);
  log.info({}, 'worker stopping');
  const clean = await running.stop();
  http?.close();
  const code = stop.code() ?? 0;
  log.info(
    { clean },
    clean
      ? 'worker stopped'
      : 'worker stopped: what took too long was abandoned, and is gone on with by whoever comes next',
  );
  if (!clean) process.exit(code);
  setTimeout(() => process.exit(code), LINGER_MS).unref();
  return code;
}
