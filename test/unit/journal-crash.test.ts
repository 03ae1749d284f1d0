import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Journal } from '../../src/contract/journal.ts';
import { applyOpen, diffed, loadUsers, manyUsers, openJournal, page, RECIPE, tempFolder } from '../support/journal.ts';

const spoolFiles = (folder: string): string[] => readdirSync(join(folder, 'spool'));

function spoolFile(folder: string): string {
  const [name = 'no spool file'] = spoolFiles(folder);
  return join(folder, 'spool', name);
}

/** Names of the spooled users in order, and the number that each line has. */
const spooled = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { n, user_id, name } = JSON.parse(line);
      return `${n} ${user_id} ${name}`;
    });

async function twoPages(folder: string): Promise<Journal> {
  const journal = await openJournal(folder);
  journal.note({ epoch: 'e1' });
  journal.beginScan('sync', RECIPE);
  await page(journal, 'c1', manyUsers(2));
  await page(journal, 'c2', manyUsers(2, 'a', 3));
  return journal;
}

describe('a ledger that was not closed', () => {
  test('goes on at the recorded cursor with the same users seen', async () => {
    const folder = tempFolder();
    const before = (await twoPages(folder)).scan();
    const journal = await openJournal(folder);
    expect(journal.scan()).toEqual(before);
    expect(journal.scan()).toMatchObject({ kind: 'sync', recipe: RECIPE, cursor: 'c2', pages: 2, complete: false });
    expect([...(journal.scan()?.cursors ?? [])]).toEqual(['c1', 'c2']);
    expect([...(journal.scan()?.firsts ?? [])]).toEqual(['u1', 'u3']);
    expect(journal.seenCount()).toBe(4);
    const met = await journal.meet(['u1', 'u4', 'u5']);
    expect(met.map((user) => user?.fingerprint ?? null)).toEqual([`${RECIPE}:a`, `${RECIPE}:a`, null]);
    expect(met.map((user) => user !== null && journal.wasSeen(user.num))).toEqual([true, true, false]);
  });

  test('a page that was not recorded leaves nothing behind', async () => {
    const folder = tempFolder();
    const crashed = await twoPages(folder);
    await diffed(crashed, manyUsers(2, 'a', 5), { cursor: 'c3', first: 'u5', last: false, bad: 0 });
    const journal = await openJournal(folder);
    expect(await journal.meet(['u5', 'u6'])).toEqual([null, null]);
    expect(journal.seenCount()).toBe(4);
    expect(journal.openBatch()).toMatchObject({ lines: 4, effects: { inserted: 4 } });
  });

  test('bytes beyond the recorded length are cut off before the next page is appended', async () => {
    const folder = tempFolder();
    const crashed = await twoPages(folder);
    appendFileSync(spoolFile(folder), `{"n":"5","op":"upsert","user_id":"half a page ${'of users '.repeat(1000)}`);
    const journal = await openJournal(folder);
    await page(journal, 'c3', [['u5', 'b']]);
    expect(spooled(spoolFile(folder))).toEqual(['1 u1 a', '2 u2 a', '3 u3 a', '4 u4 a', '5 u5 b']);
    expect(statSync(spoolFile(folder)).size).toBe(journal.openBatch().bytes);
    expect(crashed.openBatch().bytes).toBe(journal.openBatch().bytes);
  });

  test('bytes beyond the recorded length are cut off when the batch is sealed without another line', async () => {
    const folder = tempFolder();
    await twoPages(folder);
    appendFileSync(spoolFile(folder), '{"n":"5","op":"upsert","user_id":"u5"}\n');
    const journal = await openJournal(folder);
    // The page that was lost is read again, and what had changed on it has changed back: no line.
    await page(journal, null, manyUsers(1));
    const batch = await journal.seal('run-2');
    expect(batch?.lines).toBe(4);
    expect(spooled(spoolFile(folder))).toHaveLength(4);
  });

  test('a sealed batch is the same batch', async () => {
    const folder = tempFolder();
    const sealed = await (await twoPages(folder)).seal('run-1');
    const journal = await openJournal(folder);
    expect(journal.sealed()).toEqual(sealed);
    expect(await journal.seal('run-2')).toEqual(sealed);
  });

  test('users whom the warehouse refused are still remembered', async () => {
    const folder = tempFolder();
    const crashed = await twoPages(folder);
    await crashed.seal('run-1');
    crashed.refuse(['u2']);
    expect(await applyOpen(await openJournal(folder))).toMatchObject({ inserted: 3 });
  });

  test('spool files that the ledger does not name are removed, those of other connections are not', async () => {
    const folder = tempFolder();
    await twoPages(folder);
    const kept = spoolFiles(folder);
    appendFileSync(join(folder, 'spool', 'support.99.ndjson'), 'old');
    appendFileSync(join(folder, 'spool', 'support_eu.1.ndjson'), 'not ours');
    await openJournal(folder);
    expect(spoolFiles(folder).sort()).toEqual([...kept, 'support_eu.1.ndjson'].sort());
  });

  test('an answer that is read again in pieces does not count its first record as a repetition', async () => {
    const folder = tempFolder();
    const crashed = await twoPages(folder);
    // A piece in the middle of an answer: no cursor follows it, so the answer is read again from c2.
    await crashed.step(await diffed(crashed, [['u5', 'a']], { cursor: null, first: 'u5', last: false, bad: 0 }));
    const journal = await openJournal(folder);
    expect(journal.scan()?.cursor).toBe('c2');
    expect([...(journal.scan()?.firsts ?? [])]).toEqual(['u1', 'u3']);
    expect(journal.seenCount()).toBe(5);
  });

  test('the first scan goes on finding users of the pages before the crash', async () => {
    const folder = tempFolder();
    await twoPages(folder);
    const journal = await openJournal(folder);
    await page(journal, null, [
      ['u2', 'b'],
      ['u9', 'a'],
    ]);
    expect(journal.seenCount()).toBe(5);
    expect(await applyOpen(journal)).toMatchObject({ inserted: 5, updated: 0 });
  });
});

describe('sealing', () => {
  test('fixes bytes and hash: the batch id is epoch, seq and SHA-256 of the file', async () => {
    const folder = tempFolder();
    const journal = await twoPages(folder);
    const batch = await journal.seal('run-1');
    const bytes = readFileSync(batch?.path ?? '');
    const sha = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    expect(batch).toMatchObject({ seq: 1, batch_id: `e1-1-${sha}`, run_id: 'run-1', lines: 4, bytes: bytes.length });
    expect([...(batch?.ops ?? [])]).toEqual(['upsert']);
    const longest = Math.max(
      ...bytes
        .toString()
        .split('\n')
        .map((line) => Buffer.byteLength(line) + 1),
    );
    expect(batch?.longest).toBeGreaterThanOrEqual(longest);
  });

  test('the length of the longest line is enough for letters of several bytes', async () => {
    const journal = await openJournal(tempFolder());
    journal.beginScan('sync', RECIPE);
    await page(journal, null, [['u1', '\u{1F469}\u5f20'.repeat(1000)]]);
    const batch = await journal.seal('run-1');
    expect(batch?.longest).toBeGreaterThanOrEqual(batch?.bytes ?? Number.NaN);
  });

  test('leaves the sealed bytes alone when reading goes on: later lines are the next batch', async () => {
    const folder = tempFolder();
    const journal = await twoPages(folder);
    const batch = await journal.seal('run-1');
    await page(journal, 'c3', [['u5', 'a']]);
    expect(statSync(batch?.path ?? '').size).toBe(batch?.bytes);
    expect(journal.sealed()).toEqual(batch);
    expect(journal.openBatch()).toMatchObject({ lines: 1, effects: { inserted: 1 } });
    expect(spoolFiles(folder)).toHaveLength(2);
  });

  test('and the batch after it survive a crash together, and are promoted in their order', async () => {
    const folder = tempFolder();
    const first = await twoPages(folder);
    const batch = await first.seal('run-1');
    await page(first, 'c3', [['u5', 'a']]);
    const journal = await openJournal(folder);
    expect(journal.sealed()).toEqual(batch);
    expect(await journal.seal('run-2')).toEqual(batch);
    if (batch === null) throw new Error('nothing was sealed');
    await journal.promote(batch);
    expect(journal.facts().seq).toBe(batch.seq);
    const next = await journal.seal('run-2');
    expect(next).toMatchObject({ seq: batch.seq + 1, lines: 1, run_id: 'run-2', effects: { inserted: 1 } });
    expect(spoolFiles(folder)).toHaveLength(1);
  });

  test('marks the users whose version is in it, until it is promoted', async () => {
    const journal = await twoPages(tempFolder());
    const batch = await journal.seal('run-1');
    await page(journal, 'c3', [['u5', 'a']]);
    const waits = async (id: string) => (await journal.meet([id]))[0]?.waits;
    expect([await waits('u1'), await waits('u5')]).toEqual(['sealed', 'open']);
    if (batch === null) throw new Error('nothing was sealed');
    await journal.promote(batch);
    expect([await waits('u1'), await waits('u5')]).toEqual([null, 'open']);
  });

  test('is dropped with the batch after it, and both leave their users as the warehouse has them', async () => {
    const folder = tempFolder();
    const journal = await twoPages(folder);
    await journal.seal('run-1');
    await page(journal, 'c3', [['u5', 'a']]);
    journal.dropPending();
    expect(spoolFiles(folder)).toEqual([]);
    expect(journal.sealed()).toBeNull();
    const met = await journal.meet(['u1', 'u5']);
    expect(met.map((user) => user?.standing)).toEqual(['rejected', 'rejected']);
  });

  test('gives nothing for an empty batch', async () => {
    const journal = await openJournal(tempFolder());
    expect(await journal.seal('run-1')).toBeNull();
    expect(journal.sealed()).toBeNull();
  });

  test('a page without a change opens no batch and touches no file', async () => {
    const folder = tempFolder();
    const journal = await openJournal(folder);
    await loadUsers(journal, manyUsers(3));
    journal.beginScan('sync', RECIPE);
    await page(journal, null, manyUsers(3));
    expect(journal.openBatch()).toMatchObject({ lines: 0, opened_at: null });
    expect(spoolFiles(folder)).toEqual([]);
    expect(await journal.seal('run-2')).toBeNull();
  });

  test('remembers how many records of the scan could not be loaded', async () => {
    const folder = tempFolder();
    const journal = await openJournal(folder);
    journal.note({ epoch: 'e1' });
    journal.beginScan('sync', RECIPE);
    await journal.step(await diffed(journal, manyUsers(2), { cursor: 'c1', first: 'u1', last: false, bad: 3 }));
    const later = await openJournal(folder);
    await later.step(await diffed(later, manyUsers(2, 'a', 3), { cursor: 'c2', first: 'u3', last: false, bad: 2 }));
    expect((await openJournal(folder)).scan()?.bad).toBe(5);
  });
});
