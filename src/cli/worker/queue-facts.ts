import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../../config/types.ts';
import { type Facts, makeFacts } from '../../../jobs/facts.ts';
import { isEmbedded, openStore } from '../../../jobs/store/open.ts';
import { RollcallError } from '../../errors.ts';

/** Facts that are there to be read, without a worker. */
async function openFacts(config: Config): Promise<{ facts: Facts; close(): Promise<void> } | null> {
  // Looking leaves nothing behind where no worker ever was.
  if (isEmbedded(config) && !existsSync(join(config.state.dir, 'worker.sqlite'))) return null;
  try {
    const store = await openStore(config);
    return { facts: makeFacts(store), close: () => store.close() };
  } catch (error) {
    if (!(error instanceof RollcallError)) throw error;
    process.stderr.write(`rollcall: ${error.message}; what is known here is shown without it\n`);
    return null;
  }
}

/** Looks at the queue's facts; null stands for them where there are none, or the queue is away (that is said). */
export async function lookIntoQueue<T>(config: Config, look: (facts: Facts | null) => Promise<T>): Promise<T> {
  const open = await openFacts(config);
  try {
    return await look(open?.facts ?? null);
  } finally {
    await open?.close();
  }
}
