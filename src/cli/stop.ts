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
    process.stderr.write(`\nstopping after what is in hand; once more (${name}) stops at once\n`);
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
