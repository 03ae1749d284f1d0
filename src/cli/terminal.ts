import { createLogUpdate } from 'log-update';
import { type Logger, pino } from 'pino';
import type { Counts, Observer } from '../contract/run.ts';
import type { Globals } from './globals.ts';
import { duration } from './print.ts';

/** What a person or a log collector sees of a run while it goes on; always on stderr. */
export interface View extends Observer {
  /** Takes the live line away before results are printed. */
  done(): void;
}

/** Waits shorter than this are not worth a word, in ms. */
const WORTH_TELLING = 1500;

function liveLine(connection: string, counts: Readonly<Counts> | null, wait: string): string {
  if (counts === null) return `${connection}: connecting${wait}`;
  const { seen, pages, requests } = counts;
  return `${connection}: ${seen.toLocaleString('en-US')} users seen, ${pages} pages, ${requests} requests${wait}`;
}

/** A live line that is drawn over: for a terminal. */
function terminalView(connection: string): View {
  const update = createLogUpdate(process.stderr);
  let last: Readonly<Counts> | null = null;
  let waitEnds = 0;
  let reason = '';
  const draw = (): void => {
    const left = waitEnds - Date.now();
    const wait = left > 0 ? ` — waiting ${duration(Math.ceil(left / 1000) * 1000)} (${reason})` : '';
    update(liveLine(connection, last, wait));
  };
  const timer = setInterval(draw, 250);
  timer.unref();
  const say = (line: string): void => {
    update.clear();
    process.stderr.write(`${line}\n`);
  };
  return {
    page: (counts) => {
      last = { ...counts };
    },
    waiting: (ms, why) => {
      if (ms < WORTH_TELLING) return;
      waitEnds = Date.now() + ms;
      reason = why;
    },
    note: () => undefined,
    warn: (message) => say(`note: ${message}`),
    done: () => {
      clearInterval(timer);
      update.clear();
      update.done();
    },
  };
}

/** JSON lines for a log collector. */
function logView(connection: string, log: Logger): View {
  return {
    page: ({ pages, seen, requests, rejected, retries, waited_ms }) =>
      log.info({ connection, page: pages, seen, requests, rejected, retries, waited_ms }, 'page'),
    waiting: (ms, reason) => {
      if (ms >= WORTH_TELLING) log.info({ connection, ms: Math.round(ms), reason }, 'waiting');
      else log.debug({ connection, ms: Math.round(ms), reason }, 'waiting');
    },
    note: (step, facts) => log.info(facts, step),
    warn: (message) => log.warn({ connection }, message),
    done: () => undefined,
  };
}

function level({ quiet, verbose }: Globals): string {
  if (quiet) return 'error';
  return verbose ? 'debug' : 'info';
}

/** A logger of JSON lines on stderr, times in RFC 3339. */
export function logger(globals: Globals): Logger {
  return pino(
    {
      level: level(globals),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** A live line on a terminal, JSON lines elsewhere, nothing with --quiet. */
export function view(connection: string, globals: Globals): View {
  if (process.stderr.isTTY === true && !globals.quiet && !globals.verbose) return terminalView(connection);
  return logView(connection, logger(globals));
}
