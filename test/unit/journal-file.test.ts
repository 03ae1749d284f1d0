import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { LEDGER_VERSION } from '../../src/journal/schema.ts';
import { closing, ledgerIn, loadUsers, manyUsers, openJournal, tempFolder } from '../support/journal.ts';

async function open(folder: string) {
  const found = await ledgerIn(folder).ledger.open();
  closing(found.journal);
  return found;
}

async function refusal(folder: string): Promise<RollcallError> {
  const error: unknown = await open(folder).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RollcallError) return error;
  throw new Error('the ledger was opened', { cause: error });
}

describe('opening a ledger', () => {
  test('makes it, in a folder that its owner alone may read', async () => {
    const folder = join(tempFolder(), 'deep', 'state');
    expect(await open(folder)).toMatchObject({ fresh: true, broken: null });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(await open(folder)).toMatchObject({ fresh: false, broken: null });
  });

  test('never met its warehouse when it is new', async () => {
    const { journal } = await open(tempFolder());
    expect(journal.facts()).toMatchObject({ epoch: null, seq: 0, batch_id: '', account: null, live: 0, layout: null });
    expect(journal.scan()).toBeNull();
  });
});

describe('a ledger file that SQLite cannot read', () => {
  const junk: readonly [what: string, bytes: Buffer][] = [
    ['is text', Buffer.from('this is no database, and long enough to be looked at as one. '.repeat(20))],
    ['begins as a database does', Buffer.concat([Buffer.from('SQLite format 3\u0000'), Buffer.alloc(5000, 0xa7)])],
  ];

  test.each(junk)('is set aside and kept when it %s', async (_what, bytes) => {
    const folder = tempFolder();
    const { file } = ledgerIn(folder);
    writeFileSync(file, bytes);
    const { journal, fresh, broken } = await open(folder);
    expect(fresh).toBe(true);
    expect(broken).toMatch(/support\.ledger\.broken-/);
    expect(readFileSync(broken ?? '')).toEqual(bytes);
    await loadUsers(journal, manyUsers(2));
    expect(journal.facts().live).toBe(2);
  });

  test('takes its write-ahead log out of the way, too', async () => {
    const folder = tempFolder();
    const { file } = ledgerIn(folder);
    writeFileSync(file, 'no database at all, but longer than a header of one hundred bytes. '.repeat(9));
    writeFileSync(`${file}-wal`, 'of the old one');
    const { journal } = await open(folder);
    journal.now();
    journal.close();
    expect(existsSync(`${file}-wal`) && readFileSync(`${file}-wal`, 'utf8') === 'of the old one').toBe(false);
  });
});

test('a ledger of a newer layout is refused with what to do, and is not changed', async () => {
  const folder = tempFolder();
  const first = await openJournal(folder);
  await loadUsers(first, manyUsers(2));
  first.close();
  const { file } = ledgerIn(folder);
  const newer = new BetterSqlite3(file);
  newer.pragma(`user_version = ${LEDGER_VERSION + 1}`);
  newer.close();
  const error = await refusal(folder);
  expect(error).toMatchObject({ kind: 'config', connection: 'support', retryable: false });
  expect(error.message).toContain(file);
  expect(error.message).toMatch(/newer Rollcall/);
  const db = new BetterSqlite3(file, { readonly: true });
  expect(db.pragma('user_version', { simple: true })).toBe(LEDGER_VERSION + 1);
  expect(db.prepare('select count(*) from users').pluck().get()).toBe(2);
  db.close();
});

test('a state folder that cannot be made says which setting is wrong', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'file'), '');
  const error = await refusal(join(folder, 'file', 'state'));
  expect(error).toMatchObject({ kind: 'config' });
  expect(error.message).toMatch(/state\.dir/);
});

test('a ledger path that is a folder is an error that names it', async () => {
  const folder = tempFolder();
  const { file } = ledgerIn(folder);
  mkdirSync(file);
  const error = await refusal(folder);
  expect(error).toMatchObject({ kind: 'config', connection: 'support' });
  expect(error.message).toContain(file);
});
