import { constants } from 'node:os';

/** Turns SIGINT and SIGTERM into an abort; a second signal ends the process at once. */
export interface Stop {
  readonly signal: AbortSignal;
  /** 130 or 143 after a signal, else null. */
  code(): number | null;
  /** Stops listening. */
  release(): void;
}

/** Listens until `release`. */
export function stopOnSignals(): Stop {
  const controller = new AbortController();
  let code: number | null = null;
  const on = (name: 'SIGINT' | 'SIGTERM'): void => {
    const own = 128 + constants.signals[name];
    if (code !== null) process.exit(own);
    code = own;
    const words = `stopping after what is in hand; once more (${name}) stops at once`;
    // Behind a terminal's ^C, or as a line like those of the log, which is not loaded for this alone.
    const line = JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: words });
    process.stderr.write(process.stderr.isTTY === true ? `\n${words}\n` : `${line}\n`);
    controller.abort();
  };
  const interrupt = (): void => on('SIGINT');
  const terminate = (): void => on('SIGTERM');
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', terminate);
  return {
    signal: controller.signal,
    code: () => code,
    release: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', terminate);
    },
  };
}
