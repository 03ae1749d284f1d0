import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Digest } from './digest.ts';
import type { Version } from './listing.ts';
import type { Order, Word } from './server.ts';

/** The bench's API, running in a process of its own. */
export interface Serving {
  readonly url: string;
  readonly token: string;
  readonly truths: Readonly<Record<Version, Digest>>;
  /** Changes the listing; fulfils when the next request will see it. */
  show(version: Version): Promise<void>;
  stop(): Promise<void>;
}

const TOKEN = 'bench-token';

async function word(child: ChildProcess): Promise<Word> {
  const answered = new AbortController();
  const { signal } = answered;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the bench's server ended with code ${code} before it answered`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    // Our own process; server.ts sends nothing else.
    return message as Word;
  } finally {
    // Takes the listener away that was not needed; the race has been decided, so its rejection is nobody's.
    ended.catch(() => undefined);
    answered.abort();
  }
}

/** Starts an API with so many users. The caller stops it; it also ends with its parent. */
export async function serve(users: number): Promise<Serving> {
  const child = fork(fileURLToPath(new URL('./server.ts', import.meta.url)), [String(users), TOKEN]);
  const { port, truths } = await word(child);
  return {
    url: `http://127.0.0.1:${port}`,
    token: TOKEN,
    truths,
    show: async (version) => {
      const order: Order = { show: version };
      const shown = word(child);
      child.send(order);
      await shown;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
