import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import type { Refs, Source } from '../../src/contract/source.ts';
import type { UserRecord } from '../../src/contract/user.ts';
import { BadRecord } from '../../src/errors.ts';
import { bluebricks } from '../../src/sources/bluebricks.ts';
import { ident } from '../../src/sources/ident.ts';
import { jitsudo } from '../../src/sources/jitsudo.ts';
import { contentHash } from '../../src/sync/fingerprint.ts';

const NO_REFS: Refs = { roles: new Map(), teams: new Map() };

/** A user with every documented field, and what becomes of him. */
interface Documented {
  readonly source: Source;
  readonly raw: JsonObject;
  readonly row: UserRecord;
  /** Columns of the source's own view. */
  readonly own: Readonly<Record<string, Json>>;
}

const NOTHING = { availability: null, avatar_url: null, updated_at: null, active: null, roles: [] };

const DOCUMENTED: readonly Documented[] = [
  {
    source: ident,
    raw: {
      id: '7b0f4c52-3a57-4a6f-8f2e-1d2c3b4a5968',
      created_at: '2023-05-02T13:41:09.120331+05:30',
      application_id: 'c0ffee00-0000-4000-8000-000000000001',
      name: null,
      first_name: 'Lin',
      last_name: 'Okafor',
      email: 'Lin@Prvd.TEST',
      permissions: 415,
      privacy_policy_agreed_at: '2023-05-02T08:11:10Z',
      terms_of_service_agreed_at: null,
      metadata: { email_verified: true },
    },
    row: {
      ...NOTHING,
      user_id: '7b0f4c52-3a57-4a6f-8f2e-1d2c3b4a5968',
      email: 'lin@prvd.test',
      emails: ['Lin@Prvd.TEST'],
      name: 'Lin Okafor',
      first_name: 'Lin',
      last_name: 'Okafor',
      created_at: '2023-05-02T08:11:09.120331Z',
    },
    own: {
      application_id: 'c0ffee00-0000-4000-8000-000000000001',
      permissions: 415,
      privacy_policy_agreed_at: '2023-05-02T08:11:10Z',
      terms_of_service_agreed_at: null,
      metadata: { email_verified: true },
      created_at_received: '2023-05-02T13:41:09.120331+05:30',
    },
  },
  {
    source: bluebricks,
    raw: {
      id: 'prov0|9001',
      name: 'Sam Ito',
      email: 'Sam@Acme.TEST',
      picture: 'https://img.test/s.png?size=64',
      first_name: 'Sam',
      last_name: 'Ito',
      nickname: 'sam',
      created_at: '2025-11-10T12:19:26.487Z',
      roles: [{ id: 'rol_x1', name: 'Admin', description: 'Manages everything' }],
    },
    row: {
      ...NOTHING,
      user_id: 'prov0|9001',
      email: 'sam@acme.test',
      emails: ['Sam@Acme.TEST'],
      name: 'Sam Ito',
      first_name: 'Sam',
      last_name: 'Ito',
      roles: [{ id: 'rol_x1', name: 'Admin', slug: null }],
      avatar_url: 'https://img.test/s.png?size=64',
      created_at: '2025-11-10T12:19:26.487000Z',
    },
    own: { nickname: 'sam' },
  },
  {
    source: jitsudo,
    raw: {
      id: '2489e9ad-2ee2-4e00-8ec9-32d5f69181c0',
      email: 'Kai@Corp.TEST',
      name: 'Kai Mbeki',
      roles: ['user', 'approver'],
      auth_provider: 'oidc',
      active: false,
      email_verified: true,
      is_owner: false,
      created_at: '2026-04-15T12:00:00Z',
      updated_at: '2026-05-01T09:30:00Z',
    },
    row: {
      ...NOTHING,
      user_id: '2489e9ad-2ee2-4e00-8ec9-32d5f69181c0',
      email: 'kai@corp.test',
      emails: ['Kai@Corp.TEST'],
      name: 'Kai Mbeki',
      first_name: null,
      last_name: null,
      roles: [
        { id: null, name: 'user', slug: 'user' },
        { id: null, name: 'approver', slug: 'approver' },
      ],
      active: false,
      created_at: '2026-04-15T12:00:00.000000Z',
      updated_at: '2026-05-01T09:30:00.000000Z',
    },
    own: { auth_provider: 'oidc', email_verified: true, is_owner: false },
  },
];

/** What a view's column reads from a record. */
const at = (raw: Json, path: readonly string[]): Json =>
  path.reduce<Json>((value, key) => Reflect.get(Object(value), key) ?? null, raw);

describe.each(DOCUMENTED)('a user of $source.name', ({ source, raw, row, own }) => {
  const map = (record: JsonObject): UserRecord => source.user(record, NO_REFS, null);

  test('has every documented field in a column, or in one of the own view', () => {
    expect(map(raw)).toEqual(row);
    expect(Object.fromEntries(source.fields.map(({ column, path }) => [column, at(raw, path)]))).toEqual(own);
    const columns = new Set([...Object.keys(row), ...source.fields.map(({ path }) => path[0])]);
    const renamed = { id: 'user_id', picture: 'avatar_url' };
    const unread = Object.keys(raw).filter((key) => !columns.has(Reflect.get(renamed, key) ?? key));
    expect(unread).toEqual([]);
  });

  const optional = Object.keys(raw).filter((key) => key !== 'id');

  test.each(optional)('is a row whether %s is absent, null or empty, and the three are the same', (key) => {
    const { [key]: _gone, ...absent } = raw;
    expect(map({ ...raw, [key]: null })).toEqual(map(absent));
    expect(map({ ...raw, [key]: '' })).toEqual(map(absent));
  });

  test.each(['name', 'email', 'created_at', ...(source === ident ? [] : ['roles'])])(
    'with a %s of a wrong form is a bad record that names the field',
    (key) => {
      expect(() => map({ ...raw, [key]: { wrong: true } })).toThrow(BadRecord);
      expect(() => map({ ...raw, [key]: { wrong: true } })).toThrow(new RegExp(`^${key}: `));
    },
  );

  test('is the same when a time is written in another zone, and another when it is another time', () => {
    const print = (record: JsonObject): string => contentHash(source, record, null, '');
    const shifted = '2026-01-01T05:30:00.5+05:30';
    expect(print({ ...raw, created_at: shifted })).toBe(print({ ...raw, created_at: '2026-01-01T00:00:00.500Z' }));
    expect(print({ ...raw, created_at: shifted })).not.toBe(print({ ...raw, created_at: '2026-01-01T00:00:00Z' }));
  });
});

describe('a name of Ident’s', () => {
  const nameOf = (names: JsonObject) => ident.user({ id: 'u1', ...names }, NO_REFS, null).name;

  test.each([
    [{ name: null, first_name: 'Lin', last_name: 'Okafor' }, 'Lin Okafor'],
    [{ name: ' ', first_name: 'Lin', last_name: '' }, 'Lin'],
    [{ name: ' ', first_name: '', last_name: '' }, null],
    [{ name: 'Lin O.', first_name: 'Lin', last_name: 'Okafor' }, 'Lin O.'],
    [{}, null],
  ])('of %j is %s', (names, name) => {
    expect(nameOf(names)).toBe(name);
  });
});

describe('a role of Bluebricks', () => {
  const refs = (name: string): Refs => ({
    roles: new Map([['rol_1', { id: 'rol_1', name, slug: null, raw: {} }]]),
    teams: new Map(),
  });

  test('that comes by its id alone is named through the listing, and is part of the fingerprint then', () => {
    const raw = { id: 'u', roles: ['rol_1', { id: 'rol_1' }] };
    const named = { id: 'rol_1', name: 'Admin', slug: null };
    expect(bluebricks.user(raw, refs('Admin'), null).roles).toEqual([named, named]);
    expect(bluebricks.referred(raw, refs('Admin'))).not.toBe(bluebricks.referred(raw, refs('Owner')));
    expect(bluebricks.referred({ id: 'u', roles: [named] }, refs('Owner'))).toBe('');
  });
});

describe('the options', () => {
  const issues = (source: Source, options: object): string[] =>
    source.options.safeParse(options).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  test('of Ident need a token or a refresh token, and know one membership only', () => {
    expect(issues(ident, {})).toEqual(['token: is missing: give token, refresh_token or both']);
    expect(issues(ident, { refresh_token: 'r' })).toEqual([]);
    expect(issues(ident, { token: 't', organization_id: 'o', application_id: 'a' })[0]).toMatch(/^application_id: /);
  });

  test('of JITSudo need a server, a tenant and one credential', () => {
    const whole = { base_url: 'https://jit.test', tenant_id: 't-1' };
    expect(issues(jitsudo, { ...whole })).toEqual(['api_key: give either api_key or token, one of the two']);
    expect(issues(jitsudo, { ...whole, api_key: 'k', token: 't' })).toHaveLength(1);
    expect(issues(jitsudo, { api_key: 'k' }).map((issue) => issue.split(':')[0])).toEqual(['base_url', 'tenant_id']);
  });

  const PREFIXES: readonly (readonly [source: Source, options: object, prefix: string])[] = [
    [ident, { token: 't' }, '/api/v1'],
    [bluebricks, { token: 't' }, '/api/v1'],
    [jitsudo, { api_key: 'k', tenant_id: 't' }, '/v1'],
  ];

  test.each(PREFIXES)(
    'take an address with the prefix of the API, without it, and with a slash at its end',
    (source, options, prefix) => {
      for (const end of ['', '/', prefix, `${prefix}/`]) {
        const parsed = source.options.parse({ ...options, base_url: `https://host.test${end}` });
        expect(new URL(source.api(parsed).base).href).toBe(`https://host.test${prefix}`);
      }
    },
  );
});
