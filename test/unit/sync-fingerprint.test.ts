import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import { parseJson } from '../../src/http/json.ts';
import { contentHash, isNewer, recipeOf } from '../../src/sync/fingerprint.ts';
import { plainSource, settingsOf } from '../support/sync.ts';

const USER: JsonObject = {
  id: 'u1',
  name: 'Ada Park',
  emails: ['ada@acme.test', 'a.park@acme.test'],
  role: { id: 'r1', name: 'Admin', tags: [{ key: 'a', value: 1 }] },
  avatar_url: 'https://files.test/ada.png?expires=1&signature=x',
  manager: null,
};

const hashOf = (record: JsonObject, active: boolean | null = true, referred = ''): string =>
  contentHash(plainSource(), record, active, referred);

describe('the hash of a record’s content', () => {
  const same: readonly [what: string, record: JsonObject][] = [
    ['the order of keys', Object.fromEntries(Object.entries(USER).reverse())],
    ['the order of keys further down', { ...USER, role: { tags: [{ value: 1, key: 'a' }], name: 'Admin', id: 'r1' } }],
    ['the query of an avatar', { ...USER, avatar_url: 'https://files.test/ada.png?expires=2&signature=y' }],
    ['an avatar without its query', { ...USER, avatar_url: 'https://files.test/ada.png' }],
  ];

  test.each(same)('ignores %s', (_what, record) => {
    expect(hashOf(record)).toBe(hashOf(USER));
  });

  const different: readonly [what: string, record: JsonObject][] = [
    ['a changed text', { ...USER, name: 'Ada Parks' }],
    ['the case of a letter', { ...USER, name: 'Ada park' }],
    ['a space', { ...USER, name: 'Ada Park ' }],
    ['another normal form', { ...USER, name: 'Ada Pa\u0301rk' }],
    ['a field more', { ...USER, title: '' }],
    ['a field less', Object.fromEntries(Object.entries(USER).filter(([key]) => key !== 'manager'))],
    ['null in place of an empty text', { ...USER, name: '' }],
    ['the order of a list', { ...USER, emails: ['a.park@acme.test', 'ada@acme.test'] }],
    ['a change further down', { ...USER, role: { id: 'r1', name: 'Admin', tags: [{ key: 'a', value: 2 }] } }],
    ['a number in place of its text', { ...USER, id: 1 }],
    ['another picture', { ...USER, avatar_url: 'https://files.test/ada2.png?expires=1&signature=x' }],
    ['the query of another address', { ...USER, homepage: 'https://ada.test/?page=1' }],
    ['an avatar that is no text', { ...USER, avatar_url: null }],
  ];

  test.each(different)('shows %s', (_what, record) => {
    expect(hashOf(record)).not.toBe(hashOf(USER));
  });

  test('tells every one of these apart', () => {
    expect(new Set(different.map(([, record]) => hashOf(record))).size).toBe(different.length);
    expect(hashOf({ ...USER, homepage: 'https://ada.test/?page=1' })).not.toBe(
      hashOf({ ...USER, homepage: 'https://ada.test/?page=2' }),
    );
  });

  test('tells numbers apart that JavaScript would round to the same', () => {
    const numbers = ['9007199254740993', '9007199254740992', '0.1000000000000000055'];
    const records = numbers.map((digits): JsonObject => ({ id: 'u1', n: parseJson(digits) }));
    expect(new Set(records.map((record) => hashOf(record))).size).toBe(3);
  });

  test('shows a key that means something to JavaScript', () => {
    const records = ['1', '2'].map((n) => JSON.parse(`{"id":"u1","__proto__":{"n":${n}},"constructor":"c"}`));
    expect(new Set(records.map((record) => hashOf(record))).size).toBe(2);
  });

  test('shows the account state that the listing implies', () => {
    expect(new Set([hashOf(USER, true), hashOf(USER, false), hashOf(USER, null)]).size).toBe(3);
  });

  test('shows what is taken from other listings', () => {
    expect(hashOf(USER, true, '[{"id":"r1","name":"Admin"}]')).not.toBe(hashOf(USER, true, '[{"id":"r1"}]'));
  });

  test('looks for volatile addresses only where the source says they are', () => {
    const source = plainSource({ volatile: [] });
    const other = { ...USER, avatar_url: 'https://files.test/ada.png?expires=2' };
    expect(contentHash(source, other, true, '')).not.toBe(contentHash(source, USER, true, ''));
  });

  test('leaves the record as it was', () => {
    const before = JSON.stringify(USER);
    hashOf(USER);
    expect(JSON.stringify(USER)).toBe(before);
  });
});

describe('the recipe of a connection', () => {
  const recipe = recipeOf(settingsOf());

  test('is the same for the same rules, however they are ordered', () => {
    expect(recipeOf(settingsOf())).toBe(recipe);
    expect(recipeOf(settingsOf({ exclude: ['a', 'b'] }))).toBe(recipeOf(settingsOf({ exclude: ['b', 'a'] })));
  });

  test.each([
    ['an excluded path', { exclude: ['email'] }],
    ['a hashed path', { hash: ['email'], hash_key: 'k1' }],
    ['a hashing key', { hash_key: 'k1' }],
  ])('changes with %s', (_what, columns) => {
    expect(recipeOf(settingsOf(columns))).not.toBe(recipe);
  });

  test('tells excluding from hashing and one key from another', () => {
    const recipes = [
      { exclude: ['email'], hash_key: 'k1' },
      { hash: ['email'], hash_key: 'k1' },
      { hash: ['email'], hash_key: 'k2' },
    ].map((columns) => recipeOf(settingsOf(columns)));
    expect(new Set(recipes).size).toBe(3);
  });

  test('changes with the version of the source’s mapping', () => {
    expect(recipeOf(settingsOf({}, plainSource({ version: 2 })))).not.toBe(recipe);
  });

  test('never shows the key', () => {
    expect(recipeOf(settingsOf({ hash: ['email'], hash_key: 'correct horse battery' }))).not.toMatch(/correct|horse/);
  });

  test('has no colon, which separates it from the content', () => {
    expect(recipeOf(settingsOf({ hash: ['email'], hash_key: 'k' }))).not.toContain(':');
  });

  test.each([
    ['2.1.aaaa', '1.9.bbbb', true],
    ['1.10.aaaa', '1.9.bbbb', true],
    ['1.1.aaaa', '1.1.bbbb', false],
    ['1.1.aaaa', '1.2.bbbb', false],
    ['1.9.aaaa', '2.1.bbbb', false],
  ])('%s is newer than %s: %s', (one, than, expected) => {
    expect(isNewer(one, than)).toBe(expected);
  });
});
