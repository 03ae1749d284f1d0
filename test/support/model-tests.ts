import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Given } from './draws.ts';
import { beginHistory, live } from './histories.ts';
import { expectTables } from './tables.ts';

/** Which histories: how users are deleted, how absences are proven (by chance where it is not said), and the seeds. */
interface Histories extends Given {
  readonly first: number;
  readonly count: number;
}

/** On a peer a history takes several times as long: a few of each kind are lived through there. */
const ON_PEERS = 8;

function seeds({ first, count }: Histories): number[] {
  const asked = process.env.ROLLCALL_MODEL_SEED;
  const all = process.env.ROLLCALL_TEST_WAREHOUSE === undefined ? count : ON_PEERS;
  const [from = 0, to = from] = asked === undefined ? [first, first + all - 1] : asked.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/**
 * Random histories of a source, of kills and of faults, each from its seed: after each the tables must be what the model
 * says. The name of a failing test is its seed; `ROLLCALL_MODEL_SEED=<seed> vitest run <file>` lives through that one
 * again, in whichever of the files is named, and `<first>-<last>` through all between. Where batches are applied while
 * the listing is read on, the order of the two is not the seed's to say.
 */
export function modelTests(histories: Histories): void {
  const { mode } = histories;
  describe(`a random history with deletes.mode ${mode} ends as its model`, () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-03-01T08:00:00Z') });
    });

    afterEach(() => {
      vi.useRealTimers();
    });

    test.each(seeds(histories))('seed %i', async (seed) => {
      const history = await beginHistory(seed, histories);
      try {
        await live(history, 2 + history.roll.below(2));
        await expectTables(history);
        expect(history.model.pendingCount(), 'changes that never reached the tables').toBe(0);
      } finally {
        history.engine.remove();
      }
    });
  });
}
