import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { readGiven } from '../../src/writes/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-rows-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function place(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const csv = (text: string | Buffer) => readGiven(place('rows.csv', text));
const ndjson = (text: string) => readGiven(place('rows.ndjson', text));

async function problem(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RollcallError)) throw new Error('the file was read');
  expect(error.kind).toBe('config');
  return error.message.replaceAll(`${folder}/`, '');
}

describe('CSV', () => {
  test('a byte order mark, blank lines and blanks around cells are nothing', async () => {
    const given = await csv('\ufeffop, user_id ,role\r\n\r\n update,u 1 , admin\r\n,,\r\n');
    expect(given).toEqual([{ op: 'update', user_id: 'u 1', values: [['role', 'admin']], where: 'line 3' }]);
  });

  test('a list is one cell in quotes, and blanks within quotes stay', async () => {
    const given = await csv('op,user_id,roles+,name\nupdate,u1,"a, b"," Kai "\n');
    expect(given[0]?.values).toEqual([
      ['roles+', 'a, b'],
      ['name', ' Kai '],
    ]);
  });

  test('an empty cell leaves its field out', async () => {
    expect((await csv('op,user_id,role,status\nupdate,u1,,away\n'))[0]?.values).toEqual([['status', 'away']]);
  });

  test('lines are counted as an editor counts them, behind a cell of two lines too', async () => {
    const given = await csv('op,user_id,name\nupdate,u1,"two\nlines"\nupdate,u2,x\n');
    expect(given.map(({ where }) => where)).toEqual(['line 3', 'line 4']);
  });

  test('a file of creations needs no user_id', async () => {
    expect((await csv('op,email\ncreate,a@b.test\n'))[0]).toMatchObject({ op: 'create', user_id: null });
  });

  test.each([
    ['a column twice', 'op,user_id,role,role\n', 'rows.csv: line 1: the column role is there twice'],
    ['a column without a name', 'op,user_id,\n', 'rows.csv: line 1: column 3 has no name'],
    ['no op', 'user_id,role\nu1,admin\n', 'rows.csv: line 1: there is no column op'],
    ['no user_id', 'op,role\nupdate,admin\n', 'rows.csv: line 1: there is no column user_id'],
    [
      'an op that is none',
      'op,user_id\nupsert,u1\n',
      'rows.csv: line 2: there is no op "upsert"; write create, update, delete',
    ],
    ['no op in a line', 'op,user_id\n,u1\n', 'rows.csv: line 2: op is empty; write create, update, delete'],
    [
      'a cell too many',
      'op,user_id,roles\nupdate,u1,a,b\n',
      'rows.csv: line 2: has 4 cells where the first line has 3; a list needs quotes: "a,b"',
    ],
    [
      'a quote that is never closed',
      'op,user_id,name\nupdate,u1,"Kai\n',
      'rows.csv: line 2: a quote is opened and never closed',
    ],
    ['nothing at all', '', 'rows.csv: the file is empty: it needs a line with the names of the columns'],
  ])('%s is told with its line', async (_what, text, message) => {
    expect(await problem(csv(text))).toBe(message);
  });

  test('columns that are separated in another way are recognized', async () => {
    expect(await problem(csv('op;user_id;role\nupdate;u1;admin\n'))).toContain('are the columns separated by commas?');
  });

  test.each([
    ['Latin-1', Buffer.from('op,user_id,name\nupdate,u1,Kai\nupdate,u2,J\u00f6rg\n', 'latin1'), 'line 3'],
    ['UTF-16', Buffer.from('\ufeffop,user_id\n', 'utf16le'), 'line 1'],
  ])('in %s is told with its line, for its letters would reach the users garbled', async (_name, bytes, line) => {
    expect(await problem(csv(bytes))).toBe(`rows.csv: ${line}: is not UTF-8; save the file as UTF-8`);
  });

  test('a cell that cannot be read is not shown: it may be a secret', async () => {
    expect(await problem(csv('op,user_id,password\nupdate,u1,hun"ter22\n'))).not.toContain('ter22');
  });

  test('every line with a problem is told at once, up to twenty', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `upsert,u${i}`);
    const message = await problem(csv(`op,user_id\n${lines.join('\n')}\n`));
    expect(message.split('\n')).toHaveLength(22);
    expect(message).toMatch(/^rows\.csv has 30 problems:[\s\S]*… and 10 more$/);
  });
});

describe('NDJSON', () => {
  test('arrays, switches and large numbers stay what they are; null leaves a field out', async () => {
    const given = await ndjson(
      '{"op":"update","user_id":12345678901234567890,"roles":["a","b"],"active":false,"name":null}\n\n{"op":"delete","user_id":"u2"}',
    );
    expect(given).toEqual([
      {
        op: 'update',
        user_id: '12345678901234567890',
        values: [
          ['roles', ['a', 'b']],
          ['active', false],
        ],
        where: 'line 1',
      },
      { op: 'delete', user_id: 'u2', values: [], where: 'line 3' },
    ]);
  });

  test('lines that are no objects are told', async () => {
    expect(await problem(ndjson('[]\n{"op":"update"\n'))).toBe(
      'rows.ndjson has 2 problems:\n  line 1: is no JSON object\n  line 2: is not valid JSON',
    );
  });

  test('a user_id that is no text is told', async () => {
    expect(await problem(ndjson('{"op":"update","user_id":["a"]}'))).toBe('rows.ndjson: line 1: user_id is no text');
  });
});
