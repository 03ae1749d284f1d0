import { describe, expect, test } from 'vitest';
import type { OpenScan } from '../../src/contract/journal.ts';
import type { Chunk } from '../../src/contract/source.ts';
import { RollcallError } from '../../src/errors.ts';
import { makeGuard } from '../../src/sync/guard.ts';

function scanOf(changes: Partial<OpenScan> = {}): OpenScan {
  return {
    kind: 'sync',
    recipe: '1.1.test',
    started_at: '2026-11-01T00:00:00.000000Z',
    moved_at: '2026-11-01T00:00:00.000000Z',
    cursor: null,
    pages: 0,
    complete: false,
    restarts: 0,
    bad: 0,
    cursors: new Set(),
    firsts: new Set(),
    ...changes,
  };
}

const chunk = (resume: string | null, changes: Partial<Chunk> = {}): Chunk => ({
  records: [],
  resume,
  last: false,
  active: true,
  ...changes,
});

function refusal(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RollcallError)) throw error;
    expect(error).toMatchObject({ kind: 'bad-data', connection: 'crm', retryable: false });
    expect(error.message).toMatch(/^crm: the listing does not end.*Nothing was deleted/);
    return error.message;
  }
  throw new Error('nothing was refused');
}

describe('an endless listing is told', () => {
  test('by a cursor that comes again', () => {
    const guard = makeGuard('crm', () => scanOf({ cursors: new Set(['c1', 'c2']), cursor: 'c2', pages: 2 }));
    expect(refusal(() => guard.before(chunk('c1'), null))).toMatch(/same cursor/);
    expect(refusal(() => guard.before(chunk('c2'), null))).toMatch(/same cursor/);
  });

  test('by a page that begins with the same user as an earlier page', () => {
    const guard = makeGuard('crm', () => scanOf({ firsts: new Set(['u1']), pages: 1 }));
    expect(refusal(() => guard.before(chunk('c2'), 'u1'))).toMatch(/same user/);
  });

  test('by an answer whose pieces have the same users again and again', () => {
    const guard = makeGuard('crm', () => scanOf());
    const piece = chunk(null, { records: Array.from({ length: 900 }, (_, n) => ({ id: n })) });
    guard.after(piece, 900, 900);
    // As long as it may be an answer that is read again: after a crash, or because its count does not fit.
    for (let i = 0; i < 5; i += 1) guard.after(piece, 0, 900);
    expect(refusal(() => guard.after(piece, 0, 900))).toMatch(/5400 records in a row/);
  });

  test('by ten pages in a row without a new user', () => {
    const guard = makeGuard('crm', () => scanOf());
    for (let i = 0; i < 9; i += 1) guard.after(chunk(`c${i}`), 0, 0);
    expect(refusal(() => guard.after(chunk('c9'), 0, 0))).toMatch(/10 pages in a row/);
  });

  test('by more pages than any directory has', () => {
    const guard = makeGuard('crm', () => scanOf({ pages: 50_000 }));
    expect(refusal(() => guard.before(chunk('next'), null))).toMatch(/50000 pages/);
  });
});

describe('a long listing is not taken for an endless one', () => {
  test('a new user now and then is enough', () => {
    const guard = makeGuard('crm', () => scanOf());
    for (let i = 0; i < 100; i += 1) guard.after(chunk(`c${i}`), i % 10 === 9 ? 1 : 0, 0);
  });

  test('new cursors and new first users pass', () => {
    const guard = makeGuard('crm', () => scanOf({ cursors: new Set(['c1']), firsts: new Set(['u1']), pages: 49_999 }));
    expect(() => guard.before(chunk('c2'), 'u2')).not.toThrow();
    expect(() => guard.before(chunk(null, { last: true }), null)).not.toThrow();
  });

  test('the second listing of a scan has no new user on most of its pages', () => {
    const guard = makeGuard('crm', () => scanOf());
    expect(() => {
      for (let i = 0; i < 100; i += 1) guard.after(chunk(`all:${i}`, { unlessSeen: true }), 0, 0);
    }).not.toThrow();
  });

  test('an answer that a resumed scan reads again in pieces has no new user for many pieces', () => {
    const guard = makeGuard('crm', () => scanOf({ cursor: 'c1', pages: 40 }));
    expect(() => {
      for (let i = 0; i < 100; i += 1) guard.after(chunk(null), 0, 0);
      guard.after(chunk('c2'), 0, 0);
    }).not.toThrow();
  });

  test('new users anywhere in an answer count for its page', () => {
    const guard = makeGuard('crm', () => scanOf());
    expect(() => {
      for (let i = 0; i < 40; i += 1) {
        guard.after(chunk(null), 1, 0);
        guard.after(chunk(`c${i}`), 0, 0);
      }
    }).not.toThrow();
  });

  test('a resumed scan begins counting anew and knows the pages before', () => {
    const before = scanOf({ cursor: 'c3', cursors: new Set(['c1', 'c2', 'c3']), firsts: new Set(['u1', 'u2', 'u3']) });
    const guard = makeGuard('crm', () => before);
    expect(() => guard.before(chunk('c4'), 'u4')).not.toThrow();
    expect(refusal(() => guard.before(chunk('c3'), 'u5'))).toMatch(/same cursor/);
  });
});
