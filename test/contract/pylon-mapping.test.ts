import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import type { Refs } from '../../src/contract/source.ts';
import type { UserRecord } from '../../src/contract/user.ts';
import { BadRecord } from '../../src/errors.ts';
import { parseJson } from '../../src/http/json.ts';
import { pylon } from '../../src/sources/pylon.ts';
import { connectPylon, failure, startPylonApi } from '../support/sources.ts';

const NO_REFS: Refs = { roles: new Map(), teams: new Map() };

/** A user with every field of the schema. */
const ADA: JsonObject = {
  id: 'u_01',
  name: 'Ada Park',
  email: ' Ada@Acme.TEST',
  emails: ['Ada@Acme.TEST', 'a.park@acme.test'],
  role_id: 'r_1',
  role: { id: 'r_1', name: 'Admin', slug: 'admin' },
  avatar_url: 'https://files.test/ada.png?expires=1',
  status: 'out_of_office',
};

const map = (raw: JsonObject, refs = NO_REFS, active: boolean | null = true): UserRecord =>
  pylon.user(raw, refs, active);

describe('a user of Pylon’s', () => {
  test('has every field of the schema in a column or in a field of the own view', () => {
    expect(map(ADA)).toEqual({
      user_id: 'u_01',
      email: 'ada@acme.test',
      emails: ['Ada@Acme.TEST', 'a.park@acme.test'],
      name: 'Ada Park',
      first_name: null,
      last_name: null,
      roles: [{ id: 'r_1', name: 'Admin', slug: 'admin' }],
      active: true,
      availability: 'out_of_office',
      avatar_url: 'https://files.test/ada.png?expires=1',
      created_at: null,
      updated_at: null,
    });
    const columns = new Set([...Object.keys(map(ADA)), ...pylon.fields.map((field) => field.path[0])]);
    for (const key of Object.keys(ADA)) expect([...columns, 'id'], key).toContain(key);
  });

  test('keeps presence apart from the account’s state, which the listing tells', () => {
    expect(map({ ...ADA, status: 'away' }, NO_REFS, false)).toMatchObject({ availability: 'away', active: false });
    expect(map({ ...ADA, status: 'active' }, NO_REFS, false).active).toBe(false);
  });

  const optional = Object.keys(ADA).filter((key) => key !== 'id');

  test.each(optional)('is a row whether %s is absent, null or empty, and the three are the same', (key) => {
    const { [key]: _gone, ...absent } = ADA;
    expect(map({ ...ADA, [key]: null })).toEqual(map(absent));
    expect(map({ ...ADA, [key]: '' })).toEqual(map(absent));
  });

  test('is a row with nothing but an id', () => {
    expect(map({ id: 'u_02' })).toMatchObject({ user_id: 'u_02', email: null, emails: [], name: null, roles: [] });
  });

  test('is kept without an address', () => {
    expect(map({ ...ADA, email: '', emails: [] })).toMatchObject({ user_id: 'u_01', email: null, emails: [] });
    expect(map({ ...ADA, email: '   ' }).email).toBeNull();
  });

  test('keeps an id of digits that JavaScript cannot hold', () => {
    const id = parseJson('12345678901234567890');
    expect(map({ ...ADA, id }).user_id).toBe('12345678901234567890');
    expect(map({ ...ADA, id: 7 }).user_id).toBe('7');
    expect(map({ ...ADA, id: ' u/1|\u{1F469} ' }).user_id).toBe(' u/1|\u{1F469} ');
  });

  const wrong: readonly [field: string, value: Json, words: RegExp][] = [
    ['id', ['u1'], /^id: .*a list/],
    ['id', { n: 1 }, /^id: .*an object/],
    ['id', null, /^id: a user without an id/],
    ['name', { first: 'Ada' }, /^name: expected a text, got an object/],
    ['name', ['Ada'], /^name: expected a text, got a list/],
    ['email', {}, /^email: expected a text/],
    ['emails', { 0: 'a@x.test' }, /^emails: expected a list of texts/],
    ['emails', [['a@x.test']], /^emails: expected a list of texts, got a list/],
    ['role', 'Admin', /^role: expected an object, got a string/],
    ['role', [], /^role: expected an object, got a list/],
    ['role', { id: {} }, /^id: expected a text, got an object/],
    ['avatar_url', [], /^avatar_url: expected a text/],
    ['status', { now: 'active' }, /^status: expected a text/],
  ];

  test.each(wrong)('with a wrong %s (%j) is a bad record that names the field', (field, value, words) => {
    const record = { ...ADA, [field]: value };
    expect(() => map(record)).toThrow(BadRecord);
    expect(() => map(record)).toThrow(words);
  });

  test('with a wrong role_id is a bad record where it is needed', () => {
    const { role: _role, ...older } = ADA;
    expect(() => map({ ...older, role_id: {} })).toThrow(/^role_id: expected a text/);
  });
});

describe('the role of a user', () => {
  const { role: _role, ...older } = ADA;
  const refs = (name: string | null): Refs => ({
    roles: new Map([['r_1', { id: 'r_1', name, slug: 'admin', raw: {} }]]),
    teams: new Map(),
  });

  test('is named through the roles listing where its id comes alone', () => {
    expect(map(older, refs('Admin')).roles).toEqual([{ id: 'r_1', name: 'Admin', slug: 'admin' }]);
  });

  test('keeps its id where the listing does not know it', () => {
    expect(map(older).roles).toEqual([{ id: 'r_1', name: null, slug: null }]);
  });

  test('is part of the fingerprint where it is taken from the listing, and only there', () => {
    expect(pylon.referred(older, refs('Admin'))).not.toBe(pylon.referred(older, refs('Owner')));
    expect(pylon.referred(ADA, refs('Admin'))).toBe(pylon.referred(ADA, refs('Owner')));
  });
});

describe('the listings that users refer to', () => {
  test('are roles and teams by id, with what was received', async () => {
    const api = await startPylonApi(20);
    const { roles, teams } = await connectPylon(api).reader.refs();
    expect([...roles.values()]).toEqual(api.world.roles().map((role) => ({ ...role, raw: role })));
    expect([...teams.keys()]).toEqual(api.world.teams().map((team) => team.id));
    const [team] = api.world.teams();
    expect(teams.get(team?.id ?? '')).toMatchObject({ name: team?.name, raw: { users: expect.any(Array) } });
  });

  test.each(['/user-roles', '/teams'])(
    'are not taken for empty when %s answers with an errors object',
    async (path) => {
      const api = await startPylonApi(3);
      api.faults.add({ when: { path }, answer: { kind: 'body', body: '{"errors":["not today"]}' }, times: 9 });
      expect(await failure(connectPylon(api).reader.refs())).toMatchObject({ kind: 'bad-data' });
    },
  );
});

describe('the account', () => {
  test('is the organization of the token', async () => {
    const api = await startPylonApi(1);
    const { id, name } = api.world.organization;
    expect(await connectPylon(api).reader.account()).toEqual({ id, name });
  });

  test('that has no id is no account', async () => {
    const api = await startPylonApi(1);
    api.faults.add({ when: { path: '/me' }, answer: { kind: 'body', body: '{"data":{"name":"Acme"}}' } });
    await expect(connectPylon(api).reader.account()).rejects.toThrow(/^id: /);
  });
});

describe('the options of a connection', () => {
  const parse = (options: object) => pylon.options.parse({ token: 't', ...options });

  test('lead to the region’s host, or to the address that is given', () => {
    expect(pylon.api(parse({})).base).toBe('https://api.usepylon.com');
    expect(pylon.api(parse({ region: 'eu' })).base).toBe('https://api.eu.usepylon.com');
    expect(pylon.api(parse({ region: 'eu', base_url: 'http://127.0.0.1:1/x' })).base).toBe('http://127.0.0.1:1/x');
  });

  test('are refused with another region, an empty token or an address that is none', () => {
    for (const options of [{ region: 'uk' }, { token: '' }, { base_url: 'api.usepylon.com' }]) {
      expect(() => parse(options)).toThrow();
    }
  });

  test('may have an address that ends in a slash', async () => {
    const api = await startPylonApi(2);
    const { reader } = connectPylon(api, { base_url: `${api.url}/` });
    expect((await reader.account()).id).toBe(api.world.organization.id);
  });
});
