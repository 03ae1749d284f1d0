import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import { columnRules } from '../../src/sync/columns.ts';
import { plainSource, settingsOf } from '../support/sync.ts';

const USER: JsonObject = {
  id: 'u1',
  name: 'Ada Park',
  email: ' Ada@Acme.TEST ',
  emails: ['Ada@Acme.test', 'a.park@acme.test'],
  salary: 4200,
  profile: { phone: '+49 30 1', address: { city: 'Berlin', zip: '10115' } },
  groups: [{ name: 'g1', secret: 's1' }, { name: 'g2', secret: 's2' }, 'loose'],
};

const hmac = (text: string, key = 'k1'): string => createHmac('sha256', key).update(text).digest('hex');

const rules = (columns: Parameters<typeof settingsOf>[0], source = plainSource()) =>
  columnRules(settingsOf(columns, source));

describe('excluded paths', () => {
  test('are gone from the record, the rest stays as it was', () => {
    const { email: _email, ...rest } = USER;
    expect(rules({ exclude: ['email'] })(USER)).toEqual(rest);
  });

  test('are found further down', () => {
    expect(rules({ exclude: ['profile.address.zip'] })(USER)).toEqual({
      ...USER,
      profile: { phone: '+49 30 1', address: { city: 'Berlin' } },
    });
  });

  test('are found in each object of a list', () => {
    expect(rules({ exclude: ['groups.secret'] })(USER).groups).toEqual([{ name: 'g1' }, { name: 'g2' }, 'loose']);
  });

  test('take whole objects and lists away', () => {
    expect(Object.keys(rules({ exclude: ['profile', 'groups'] })(USER))).toEqual([
      'id',
      'name',
      'email',
      'emails',
      'salary',
    ]);
  });

  test('that a record does not have change nothing', () => {
    expect(rules({ exclude: ['nowhere', 'profile.nowhere.at.all', 'name.first', 'salary.net'] })(USER)).toEqual(USER);
  });

  test('of the source come on top of the connection’s', () => {
    const source = plainSource({ exclude: ['salary'] });
    expect(Object.keys(rules({ exclude: ['name'] }, source)(USER))).not.toContain('salary');
    expect(Object.keys(rules({ exclude: ['name'] }, source)(USER))).not.toContain('name');
  });
});

describe('hashed paths', () => {
  const hashing = (...hash: string[]) => rules({ hash, hash_key: 'k1' });

  test('are an HMAC-SHA256 of the trimmed value, of an address in lower case', () => {
    expect(hashing('email')(USER).email).toBe(hmac('ada@acme.test'));
    expect(hashing('name')({ ...USER, name: '  Ada Park' }).name).toBe(hmac('Ada Park'));
  });

  test('join: the same address has the same hash in a text and in a list', () => {
    const out = hashing('email', 'emails')(USER);
    expect(out.emails).toEqual([out.email, hmac('a.park@acme.test')]);
  });

  test('are found further down and in lists', () => {
    const out = hashing('profile.phone', 'groups.secret')(USER);
    expect(out.profile).toEqual({ phone: hmac('+49 30 1'), address: { city: 'Berlin', zip: '10115' } });
    expect(out.groups).toEqual([{ name: 'g1', secret: hmac('s1') }, { name: 'g2', secret: hmac('s2') }, 'loose']);
  });

  test('hide numbers and objects, too', () => {
    const out = JSON.stringify(hashing('salary', 'profile')(USER));
    expect(out).not.toMatch(/4200|Berlin|10115/);
    expect(hashing('salary')(USER).salary).toBe(hmac('4200'));
  });

  test('stay null or empty where there is nothing to hash', () => {
    const out = hashing('email', 'name', 'phone')({ id: 'u1', email: null, name: '' });
    expect(out).toEqual({ id: 'u1', email: null, name: '' });
  });

  test('have another value under another key', () => {
    const other = rules({ hash: ['email'], hash_key: 'k2' })(USER);
    expect(other.email).toBe(hmac('ada@acme.test', 'k2'));
    expect(other.email).not.toBe(hashing('email')(USER).email);
  });
});

test('the received record is left as it was', () => {
  const before = JSON.stringify(USER);
  rules({ exclude: ['groups.secret', 'salary'], hash: ['email', 'profile.phone'], hash_key: 'k1' })(USER);
  expect(JSON.stringify(USER)).toBe(before);
});

test('without rules the record is passed on as it is', () => {
  expect(rules({})(USER)).toBe(USER);
});
