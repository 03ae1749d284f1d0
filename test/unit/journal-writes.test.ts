import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, describe, expect, test } from 'vitest';
import type { WriteEntry, WriteLog, WriteResult } from '../../src/contract/writes.ts';
import { openWriteLog, removeWriteLog, writeLogFile } from '../../src/journal/write-log.ts';

const folders: string[] = [];
const logs: WriteLog[] = [];

afterEach(() => {
  for (const log of logs.splice(0)) log.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-writes-'));
  folders.push(folder);
  return folder;
}

function open(folder: string): WriteLog {
  const log = openWriteLog(folder, 'crew', true);
  if (log === null) throw new Error('a journal that is to be made is never absent');
  logs.push(log);
  return log;
}

const entry = (write_id: string, changes: Partial<WriteEntry> = {}): WriteEntry => ({
  write_id,
  key: 'k1',
  user_id: 'u1',
  op: 'update',
  changes: { name: ['old', 'new'], roles: [['a'], ['a', 'b']] },
  before: [],
  outcome: null,
  requested_at: '2026-11-01T00:00:00.000Z',
  answered_at: null,
  actor: 'kai@host',
  response_status: null,
  error: null,
  ...changes,
});

const result = (changes: Partial<WriteResult> = {}): WriteResult => ({
  user_id: 'u1',
  outcome: 'applied',
  answered_at: '2026-11-01T00:00:01.000Z',
  response_status: 200,
  error: null,
  ...changes,
});

describe('the journal of writes', () => {
  test('is not made by whoever only looks', () => {
    expect(openWriteLog(makeFolder(), 'crew', false)).toBeNull();
  });

  test('is readable by its owner alone', () => {
    const folder = makeFolder();
    open(folder);
    expect(statSync(writeLogFile(folder, 'crew')).mode & 0o777).toBe(0o600);
  });

  test('has a write as open until its outcome is known, for another process too', () => {
    const folder = makeFolder();
    const log = open(folder);
    log.begin(entry('w1'));
    expect(open(folder).open()).toEqual([entry('w1')]);
    log.end('w1', result());
    expect({ open: log.open(), of: log.of('k1')[0]?.outcome }).toEqual({ open: [], of: 'applied' });
  });

  test('sends each ended write once, and again when more is learned of it', () => {
    const log = open(makeFolder());
    log.begin(entry('w1'));
    expect(log.unsent(9)).toEqual([]);
    log.end('w1', result({ outcome: 'unknown' }));
    expect(log.unsent(9).map(({ outcome }) => outcome)).toEqual(['unknown']);
    log.markSent(['w1']);
    expect(log.unsent(9)).toEqual([]);
    log.end('w1', result());
    expect(log.unsent(9).map(({ outcome }) => outcome)).toEqual(['applied']);
  });

  test('marks whom a write may have changed, and nobody whom it did not', () => {
    const log = open(makeFolder());
    for (const [id, outcome] of [
      ['a', 'applied'],
      ['b', 'failed'],
      ['c', 'unknown'],
    ] as const) {
      log.begin(entry(id, { user_id: id }));
      log.end(id, result({ user_id: id, outcome }));
    }
    expect(log.marks().map(({ user_id }) => user_id)).toEqual(['a', 'c']);
  });

  test('keeps a mark that was renewed while the user was being read', () => {
    const log = open(makeFolder());
    log.begin(entry('w1'));
    log.end('w1', result());
    const seen = log.marks();
    log.begin(entry('w2'));
    log.end('w2', result());
    log.unmark(seen);
    const renewed = log.marks();
    expect(renewed.map(({ user_id }) => user_id)).toEqual(['u1']);
    log.unmark(renewed);
    expect(log.marks()).toEqual([]);
  });

  test('takes back what was never sent', () => {
    const log = open(makeFolder());
    log.begin(entry('w1'));
    log.drop('w1');
    expect({ open: log.open(), of: log.of('k1') }).toEqual({ open: [], of: [] });
  });

  test('knows whom it deleted', () => {
    const log = open(makeFolder());
    log.begin(entry('w1', { op: 'delete' }));
    expect(log.deleted('u1')).toBe(false);
    log.end('w1', result());
    expect([log.deleted('u1'), log.deleted('u2')]).toEqual([true, false]);
  });

  test('forgets what the warehouse has for months, and nothing else', () => {
    const folder = makeFolder();
    const log = open(folder);
    for (const id of ['old', 'waiting']) {
      log.begin(entry(id, { key: id, requested_at: '2020-01-01T00:00:00.000Z' }));
      log.end(id, result());
    }
    log.markSent(['old']);
    const later = open(folder);
    expect([later.of('old').length, later.of('waiting').length]).toEqual([0, 1]);
  });

  test('is gone with its connection', () => {
    const folder = makeFolder();
    open(folder).begin(entry('w1'));
    removeWriteLog(folder, 'crew');
    expect(openWriteLog(folder, 'crew', false)).toBeNull();
  });

  test('of a newer version is refused', () => {
    const folder = makeFolder();
    const db = new BetterSqlite3(writeLogFile(folder, 'crew'));
    db.pragma('user_version = 99');
    db.close();
    expect(() => openWriteLog(folder, 'crew', true)).toThrow(/written by a newer Rollcall/);
  });

  test('that is no database is refused with what to do', () => {
    const folder = makeFolder();
    writeFileSync(
      writeLogFile(folder, 'crew'),
      'no database at all, and long enough to be looked at by SQLite'.repeat(20),
    );
    expect(() => openWriteLog(folder, 'crew', false)).toThrow(/is damaged; move it away and look in the source/);
  });
});
