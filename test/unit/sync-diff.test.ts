import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { noEffects, UNKNOWN } from '../../src/contract/effects.ts';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import { parseJson } from '../../src/http/json.ts';
import { columnRules } from '../../src/sync/columns.ts';
import type { PageDiff } from '../../src/sync/diff.ts';
import { diffOf, knownUser, memoryJournal, plainSource, printOf, RECIPE, settingsOf } from '../support/sync.ts';

const ADA: JsonObject = { id: 'u1', name: 'Ada' };
const BEA: JsonObject = { id: 'u2', name: 'Bea' };

const lineAt = (diff: PageDiff, at = 0): Record<string, unknown> => JSON.parse(diff.lines[at]?.json ?? '{}');
const ops = (diff: PageDiff): string[] => diff.lines.map((line) => line.op);

describe('a record', () => {
  test('of a user met for the first time is an insert, staged as texts', async () => {
    const diff = await diffOf(memoryJournal(), [{ ...ADA, email: ' Ada@Acme.TEST' }]);
    expect(diff.effects).toEqual({ ...noEffects(), inserted: 1 });
    expect(diff.seen).toEqual([1]);
    const fingerprint = printOf({ ...ADA, email: ' Ada@Acme.TEST' });
    expect(diff.moves).toEqual([
      { num: 1, user_id: 'u1', fresh: true, next: { fingerprint, standing: 'live' }, loaded: UNKNOWN },
    ]);
    expect(lineAt(diff)).toMatchObject({ op: 'upsert', page: '3', user_id: 'u1', name: 'Ada', active: 'true' });
    expect(lineAt(diff)).toMatchObject({ fingerprint, raw: '{"id":"u1","name":"Ada","email":" Ada@Acme.TEST"}' });
    for (const value of Object.values(lineAt(diff))) expect(value === null || typeof value === 'string').toBe(true);
  });

  test('of a user who is as he was loaded is seen and nothing else', async () => {
    const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA) })] });
    const diff = await diffOf(journal, [ADA]);
    expect(diff).toMatchObject({ lines: [], moves: [], seen: [4], effects: noEffects(), bad: 0 });
  });

  test('with other content is an update', async () => {
    const old = { fingerprint: printOf({ ...ADA, name: 'Adelheid' }), standing: 'live' } as const;
    const diff = await diffOf(memoryJournal({ known: [knownUser(4, 'u1', old)] }), [ADA]);
    expect(diff.effects).toEqual({ ...noEffects(), updated: 1 });
    expect(diff.moves).toMatchObject([{ num: 4, fresh: false, loaded: old }]);
  });

  test('with the same content under another recipe is written again and is no update', async () => {
    const content = printOf(ADA).slice(RECIPE.length);
    const diff = await diffOf(memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: `0.9.old${content}` })] }), [
      ADA,
    ]);
    expect(diff.effects).toEqual({ ...noEffects(), same: 1 });
    expect(ops(diff)).toEqual(['upsert']);
  });

  test('of a user who was gone brings him back', async () => {
    const gone = knownUser(4, 'u1', { fingerprint: printOf(ADA), standing: 'gone' });
    const diff = await diffOf(memoryJournal({ known: [gone] }), [ADA]);
    expect(diff.effects).toEqual({ ...noEffects(), restored: 1 });
    expect(ops(diff)).toEqual(['upsert']);
  });

  test('of a user kept as inactive with this very content makes him live without a line', async () => {
    const kept = knownUser(4, 'u1', { fingerprint: printOf(ADA), standing: 'inactive' });
    const diff = await diffOf(memoryJournal({ known: [kept] }), [ADA]);
    expect(diff).toMatchObject({ lines: [], effects: noEffects(), seen: [4] });
    expect(diff.moves).toMatchObject([{ next: { standing: 'live' } }]);
  });

  test('that changed back before its batch was applied takes its effect back', async () => {
    const loaded = { fingerprint: printOf(ADA), standing: 'live' } as const;
    const pending = knownUser(4, 'u1', { fingerprint: printOf({ ...ADA, name: 'B' }) }, loaded);
    const diff = await diffOf(memoryJournal({ known: [pending] }), [ADA]);
    expect(diff.effects).toEqual({ ...noEffects(), updated: -1 });
    expect(ops(diff)).toEqual(['upsert']);
  });

  test('is written again in a backfill although nothing changed, and counts as the same', async () => {
    const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA) })] });
    const diff = await diffOf(journal, [ADA], {}, { rewrite: true });
    expect(diff.effects).toEqual({ ...noEffects(), same: 1 });
    expect(ops(diff)).toEqual(['upsert']);
  });

  test('keeps numbers that JavaScript cannot hold', async () => {
    const diff = await diffOf(memoryJournal(), [parseJson('{"id":12345678901234567890,"n":0.30000000000000004441}')]);
    expect(lineAt(diff)).toMatchObject({ user_id: '12345678901234567890' });
    expect(lineAt(diff).raw).toBe('{"id":12345678901234567890,"n":0.30000000000000004441}');
  });

  test('with half of a surrogate pair is loaded with the replacement character', async () => {
    const diff = await diffOf(memoryJournal(), [{ ...ADA, name: 'lone \ud83d end' }]);
    expect(lineAt(diff).name).toBe('lone \ufffd end');
    expect(JSON.parse(String(lineAt(diff).raw)).name).toBe('lone \ufffd end');
  });
});

describe('a record that cannot be loaded is quarantined with its reason', () => {
  const cases: readonly [what: string, record: Json, reason: RegExp, user_id: string | null][] = [
    ['without an id', { name: 'Ada' }, /^id: a user without an id$/, null],
    ['with an empty id', { id: '', name: 'Ada' }, /^id: a user without an id$/, null],
    ['with a list as id', { id: ['u1'] }, /^id: expected an id, got a list$/, null],
    ['that is a text', 'u1', /not an object/, null],
    ['that is null', null, /not an object/, null],
    ['that is a list', [ADA], /not an object/, null],
    ['with an object as name', { id: 'u1', name: { first: 'Ada' } }, /^name: expected a text, got an object$/, 'u1'],
    ['over the size', { id: 'u1', name: 'x'.repeat(1000) }, /1\d\d\d bytes.*max_record_bytes \(1000\)/, 'u1'],
  ];

  test('once, though the signature of its picture is another in every answer', async () => {
    const signed = (signature: string) => ({
      id: 'u1',
      name: [],
      avatar_url: `https://pictures.test/u1?sig=${signature}`,
    });
    const [first, second] = await Promise.all(['a', 'b'].map((sig) => diffOf(memoryJournal(), [signed(sig)])));
    expect(first?.rejected[0]?.payload_hash).toBe(second?.rejected[0]?.payload_hash);
    expect(first?.rejected[0]?.payload).toContain('sig=a');
  });

  test.each(cases)('%s', async (_what, record, reason, user_id) => {
    const diff = await diffOf(memoryJournal(), [BEA, record]);
    const payload = JSON.stringify(record);
    expect(diff.rejected).toEqual([
      {
        payload_hash: hash('sha256', payload),
        run_id: 'run-1',
        page: 3,
        user_id,
        reason: expect.stringMatching(reason),
        payload,
        rejected_at: '2026-11-01T00:00:00.000000Z',
        replayed_at: null,
      },
    ]);
    expect(diff.bad).toBe(1);
    expect(diff.effects).toEqual({ ...noEffects(), inserted: 1 });
    expect(ops(diff).sort()).toEqual(['reject', 'upsert']);
    const staged = diff.lines.findIndex((line) => line.op === 'reject');
    expect(lineAt(diff, staged)).toMatchObject({ op: 'reject', page: '3', user_id, raw: payload });
  });

  test('once a payload, and counted each time', async () => {
    const record = { name: 'nobody' };
    const diff = await diffOf(memoryJournal(), [record, record]);
    expect(diff.rejected).toHaveLength(1);
    expect(ops(diff)).toEqual(['reject']);
    expect(diff.bad).toBe(2);
  });

  test('and not again when the ledger has it already', async () => {
    const record = { name: 'nobody' };
    const journal = memoryJournal({ rejected: [hash('sha256', JSON.stringify(record))] });
    expect(await diffOf(journal, [record])).toMatchObject({ rejected: [], lines: [], bad: 1 });
  });

  test('and with an id it counts as seen, so that its user is not missed', async () => {
    const diff = await diffOf(memoryJournal(), [{ id: 'u1', name: [] }]);
    expect(diff.seen).toEqual([1]);
    expect(diff.moves).toMatchObject([{ user_id: 'u1', fresh: true, next: UNKNOWN }]);
    expect(diff.badSeen).toBe(1);
  });

  test('and the row of a known user stays as it is, older than what is quarantined', async () => {
    const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA) })] });
    const diff = await diffOf(journal, [{ id: 'u1', name: [] }]);
    expect(diff).toMatchObject({ seen: [4], effects: noEffects(), bad: 1, badSeen: 1 });
    expect(diff.moves).toMatchObject([{ user_id: 'u1', next: { fingerprint: null, standing: 'stale' } }]);
    expect(ops(diff)).toEqual(['reject']);
  });

  test.each(['rejected', 'stale'] as const)(
    'and what the warehouse refused (%s) is not sent again',
    async (standing) => {
      const loaded = standing === 'stale' ? ({ fingerprint: 'r:old', standing: 'live' } as const) : UNKNOWN;
      const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA), standing }, loaded)] });
      expect(await diffOf(journal, [ADA])).toMatchObject({ lines: [], moves: [], seen: [4], bad: 1, badSeen: 1 });
      const again = await diffOf(journal, [ADA], {}, { rewrite: true });
      expect(ops(again)).toEqual(['upsert']);
      expect(again.bad).toBe(0);
    },
  );

  test('after column rules: what is excluded is not in the payload', async () => {
    const rules = columnRules(settingsOf({ exclude: ['phone'] }));
    const diff = await diffOf(memoryJournal(), [{ name: 'nobody', phone: '+49 30 1' }], {}, { rules });
    expect(JSON.stringify([diff.lines, diff.rejected])).not.toContain('+49');
    expect(diff.rejected[0]?.payload).toBe('{"name":"nobody"}');
  });

  test('a failure of the mapping that is no bad record is passed on', async () => {
    const source = plainSource({
      user: () => {
        throw new TypeError('a mistake of ours');
      },
    });
    await expect(diffOf(memoryJournal(), [ADA], {}, { source })).rejects.toThrow('a mistake of ours');
  });
});

describe('a user named twice on one page', () => {
  test('is one insert, and the later record counts', async () => {
    const diff = await diffOf(memoryJournal(), [ADA, BEA, { ...ADA, name: 'Ada II' }]);
    expect(diff.effects).toEqual({ ...noEffects(), inserted: 2 });
    expect(diff.seen).toEqual([1, 2, 1]);
    expect(lineAt(diff, 2)).toMatchObject({ user_id: 'u1', name: 'Ada II' });
    expect(diff.moves.at(-1)).toMatchObject({
      num: 1,
      fresh: false,
      next: { fingerprint: printOf({ ...ADA, name: 'Ada II' }) },
    });
    expect(diff.moves.filter((move) => move.fresh)).toHaveLength(2);
  });

  test('with the same record is one line', async () => {
    const diff = await diffOf(memoryJournal(), [ADA, ADA]);
    expect(ops(diff)).toEqual(['upsert']);
  });

  test('is no change when the later record is what was loaded', async () => {
    const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA) })] });
    const diff = await diffOf(journal, [{ ...ADA, name: 'B' }, ADA]);
    expect(diff.effects).toEqual(noEffects());
    expect(diff.moves.at(-1)?.next).toEqual({ fingerprint: printOf(ADA), standing: 'live' });
    expect(lineAt(diff, diff.lines.length - 1)).toMatchObject({ name: 'Ada' });
  });
});

describe('a listing whose users count only unless they were seen', () => {
  const second = { active: false, unlessSeen: true } as const;

  test('leaves those alone whom the scan has met', async () => {
    const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA) })], seen: [4] });
    expect(await diffOf(journal, [ADA], second)).toMatchObject({
      lines: [],
      moves: [],
      seen: [],
      effects: noEffects(),
    });
  });

  test('takes the others with the account state that it implies', async () => {
    const journal = memoryJournal({ known: [knownUser(4, 'u1', { fingerprint: printOf(ADA, true) })] });
    const diff = await diffOf(journal, [ADA, BEA], second);
    expect(diff.effects).toEqual({ ...noEffects(), updated: 1, inserted: 1 });
    expect(lineAt(diff)).toMatchObject({ user_id: 'u1', active: 'false' });
    expect(diff.seen).toEqual([4, 5]);
  });

  test('takes the first of two records of a user on one page', async () => {
    const diff = await diffOf(memoryJournal(), [ADA, { ...ADA, name: 'later' }], second);
    expect(diff.effects).toEqual({ ...noEffects(), inserted: 1 });
    expect(lineAt(diff)).toMatchObject({ name: 'Ada' });
    expect(diff.lines).toHaveLength(1);
  });
});
