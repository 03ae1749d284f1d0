import { describe, expect, test } from 'vitest';
import { noEffects } from '../../src/contract/effects.ts';
import type { Journal, Rejected } from '../../src/contract/journal.ts';
import { openJournal, rejectedRecord, runOf, tempFolder } from '../support/journal.ts';

const at = (second: number): string => `2026-11-01T00:00:0${second}.000000Z`;

const quarantine = (journal: Journal, ...rejected: Rejected[]): Promise<void> =>
  journal.step({ lines: [], moves: [], seen: [], rejected, effects: noEffects(), place: null });

describe('runs in the ledger', () => {
  test('come back newest first, whole, and no more than asked for', async () => {
    const journal = await openJournal(tempFolder());
    const error = { kind: 'auth', step: 'GET /me', message: 'no', retryable: false } as const;
    const second = runOf('r2', at(2), { outcome: 'failed', error, warnings: ['1 user is no longer listed'] });
    for (const run of [runOf('r1', at(1)), runOf('r3', at(3)), second]) journal.saveRun(run, false);
    expect(journal.runs(10).map((run) => run.run_id)).toEqual(['r3', 'r2', 'r1']);
    expect(journal.runs(2).at(1)).toEqual(second);
  });

  test('a run that is saved again replaces itself', async () => {
    const journal = await openJournal(tempFolder());
    journal.saveRun(runOf('r1', at(1), { outcome: null, finished_at: null }), false);
    journal.saveRun(runOf('r1', at(1)), false);
    expect(journal.runs(10)).toEqual([runOf('r1', at(1))]);
  });

  test('are unsent, oldest first, until they are marked', async () => {
    const journal = await openJournal(tempFolder());
    for (const run of [runOf('r2', at(2)), runOf('r1', at(1)), runOf('r3', at(3))]) journal.saveRun(run, false);
    journal.saveRun(runOf('r0', at(0)), true);
    journal.markSent(['r2', 'unheard of']);
    expect(journal.unsentRuns().map((run) => run.run_id)).toEqual(['r1', 'r3']);
  });

  test('outlive a crash', async () => {
    const folder = tempFolder();
    (await openJournal(folder)).saveRun(runOf('r1', at(1), { outcome: null }), false);
    expect((await openJournal(folder)).unsentRuns()).toMatchObject([{ run_id: 'r1', outcome: null }]);
  });
});

describe('rejected records in the ledger', () => {
  test('are known by the hash of their payload and kept once', async () => {
    const journal = await openJournal(tempFolder());
    expect(journal.hasRejected('h1')).toBe(false);
    await quarantine(journal, rejectedRecord('h1'));
    await quarantine(journal, rejectedRecord('h1', { run_id: 'run-2' }), rejectedRecord('h2'));
    expect(journal.hasRejected('h1')).toBe(true);
    expect(journal.rejected(10)).toHaveLength(2);
    expect(journal.rejected(10).find((record) => record.payload_hash === 'h1')).toEqual(rejectedRecord('h1'));
  });

  test('say when they were replayed', async () => {
    const journal = await openJournal(tempFolder());
    await quarantine(journal, rejectedRecord('h1'), rejectedRecord('h2'));
    journal.markReplayed(['h2', 'unheard of'], at(5));
    const replayed = new Map(journal.rejected(10).map((record) => [record.payload_hash, record.replayed_at]));
    expect(replayed).toEqual(
      new Map([
        ['h1', null],
        ['h2', at(5)],
      ]),
    );
  });

  test('come back newest first, no more than asked for', async () => {
    const journal = await openJournal(tempFolder());
    await quarantine(journal, ...[2, 3, 1].map((n) => rejectedRecord(`h${n}`, { rejected_at: at(n) })));
    expect(journal.rejected(2).map((record) => record.payload_hash)).toEqual(['h3', 'h2']);
  });
});
