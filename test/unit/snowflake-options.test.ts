import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fingerprintOf, loginOptions, options } from '../../src/warehouses/snowflake-login.ts';
import { keptName, quotedName } from '../../src/warehouses/snowflake-names.ts';
import { isReading } from '../../src/warehouses/snowflake-reading.ts';
import { LOADER, PRIVATE_KEY } from '../support/snowflake.ts';

const BASE = { account: 'acme-test', user: 'LOADER', warehouse: 'W', database: 'D', schema: 'S' };

const problems = (given: object): string[] =>
  (options.safeParse(given).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('the options', () => {
  test.each([
    ['a password', { password: 'x' }],
    ['a key', { private_key: PRIVATE_KEY }],
    ['a programmatic token and no user', { token: 'x', user: undefined }],
    ['an OAuth token', { oauth_token: 'x' }],
  ])('take %s', (_what, credential) => {
    const given = Object.fromEntries(
      Object.entries({ ...BASE, ...credential }).filter(([, value]) => value !== undefined),
    );
    expect(problems(given)).toEqual([]);
  });

  test('say everything that is wrong at once', () => {
    const { account: _account, user: _user, ...rest } = BASE;
    expect(problems({ ...rest, password: 'x', token: 'y', private_key_passphrase: 'z' })).toEqual([
      'account: is missing: write the account identifier, or access_url',
      'token: cannot stand beside password: keep one of the two',
      "user: is missing: password needs the user's login name",
      'private_key_passphrase: belongs to private_key, which is missing',
    ]);
    expect(problems(BASE)).toEqual(['private_key: is missing: give one of private_key, password, token, oauth_token']);
  });

  test.each(['https://acme.snowflakecomputing.com', 'acme.snowflakecomputing.com', 'acme test'])(
    'refuse the account %s',
    (account) => {
      expect(problems({ ...BASE, account, password: 'x' }).join()).toMatch(/^account: must be/);
    },
  );

  test('need an address or an account, and take the account from the address', () => {
    const { account: _account, ...rest } = BASE;
    const parsed = options.parse({
      ...rest,
      access_url: 'https://org-acct.privatelink.snowflakecomputing.com/',
      token: 't',
    });
    expect(loginOptions(parsed)).toMatchObject({
      account: 'org-acct',
      accessUrl: 'https://org-acct.privatelink.snowflakecomputing.com',
    });
  });
});

describe('a private key', () => {
  const login = (given: object) => loginOptions(options.parse({ ...BASE, ...given }));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encrypted = String(
    privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'open' }),
  );

  test('is taken as PKCS #8, as PKCS #1, encrypted, and with its lines written out', () => {
    const plain = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    for (const given of [
      { private_key: plain },
      { private_key: String(privateKey.export({ format: 'pem', type: 'pkcs1' })) },
      { private_key: encrypted, private_key_passphrase: 'open' },
      { private_key: plain.replaceAll('\n', '\\n') },
    ]) {
      expect(login(given)).toMatchObject({ authenticator: 'SNOWFLAKE_JWT', privateKey: plain });
    }
  });

  test.each([
    ['no PEM', { private_key: 'MIIEvQ' }, /no PEM text/],
    ['encrypted, without a passphrase', { private_key: encrypted }, /set warehouse.private_key_passphrase/],
    [
      'encrypted with another passphrase',
      { private_key: encrypted, private_key_passphrase: 'shut' },
      /does not open it/,
    ],
    ['damaged', { private_key: PRIVATE_KEY.replace(/M/g, '!') }, /damaged/],
  ])('that is %s is a config error that shows nothing of it', (_what, given, message) => {
    expect(() => login(given)).toThrow(
      expect.objectContaining({ kind: 'config', message: expect.stringMatching(message) }),
    );
    expect(() => login(given)).not.toThrow(/shut|MIIEvQ[^)]/);
  });

  test('has the fingerprint that Snowflake shows', () => {
    const parsed = options.parse({ ...BASE, private_key: PRIVATE_KEY });
    expect(fingerprintOf(parsed)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}=$/);
    expect(fingerprintOf(options.parse({ ...BASE, password: LOADER.password }))).toBeNull();
  });
});

test.each([
  ['analytics', 'ANALYTICS', '"ANALYTICS"'],
  ['"Analytics"', 'Analytics', '"Analytics"'],
  ['my-db', 'my-db', '"my-db"'],
  ['"a""b"', 'a"b', '"a""b"'],
])('the name %s is kept as %s and written as %s', (given, kept, written) => {
  expect([keptName(given), quotedName(given)]).toEqual([kept, written]);
});

describe('reading', () => {
  test.each([
    'select 1',
    ' -- why\n/* and */ SELECT * FROM users;',
    '(select 1) union (select 2)',
    'with a as (select 1) select * from a',
    'show tables',
    "select ';' || 'delete from users' as \"->>\"",
    'describe table users',
  ])('is %j', (sql) => {
    expect(isReading(sql)).toBe(true);
  });

  test.each([
    'delete from users',
    'select 1; delete from users',
    'select 1 ->> delete from users',
    'insert into users select 1',
    'create table x (a int)',
    'call drop_all()',
    "execute immediate 'drop table users'",
    '/* select */ drop table users',
    '',
  ])('is not %j', (sql) => {
    expect(isReading(sql)).toBe(false);
  });
});
