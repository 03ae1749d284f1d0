import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import type { Fault } from '../peers/snowflake/faults.ts';
import type { Peer } from '../peers/snowflake/state.ts';
import { type Ended, expectNoSecret, json } from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { LOADER, PRIVATE_KEY, peerOf } from '../support/snowflake.ts';
import { type Credential, PASSWORD, snowflakeHome } from '../support/snowflake-home.ts';

let api: PylonApi;
let peer: Peer;

beforeEach(async () => {
  api = await start({ users: 3 });
  peer = await peerOf();
});

const reference = (name: string): string => `\${${name}}`;
const by = (option: string, value: string): Credential => ({
  lines: [`${option}: ${reference('SECRET')}`],
  variables: { SECRET: value.trim().replaceAll('\n', '\\n') },
});

const stranger = String(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
);
const locked = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  format: 'pem',
  type: 'pkcs8',
  cipher: 'aes-256-cbc',
  passphrase: 'open sesame',
});

/** What `check` says of the warehouse. */
async function checked(
  credential: Credential,
): Promise<{ ok: boolean; message: string; code: number | null; ended: Ended }> {
  const ended = await snowflakeHome(api, peer, credential).run(['check', '--json']);
  const findings = json<{ subject: string; ok: boolean; message: string }[]>(ended.stdout);
  const found = findings.find(({ subject }) => subject === 'warehouse');
  return { ok: found?.ok ?? false, message: found?.message ?? '', code: ended.code, ended };
}

describe('a login', () => {
  test.each([
    ['a password', PASSWORD],
    ['a key pair', by('private_key', PRIVATE_KEY)],
    ['a programmatic access token', by('token', LOADER.token)],
    ['an OAuth token', by('oauth_token', LOADER.oauth)],
  ])('with %s works, and shows nothing of it', async (_what, credential) => {
    const home = snowflakeHome(api, peer, credential);
    const ended = await home.run(['sync', '--json', '--verbose']);
    expect(ended).toMatchObject({ code: 0 });
    for (const secret of Object.values(credential.variables)) expectNoSecret(home, secret.slice(0, 60), [ended]);
  });

  test.each([
    [
      'a wrong password',
      by('password', 'wrong-one'),
      /refused the login of LOADER: Incorrect username or password.*390100.*Check warehouse.user/,
    ],
    ['an expired token', by('token', 'expired-token'), /Programmatic access token is invalid.*expired/],
    ['a wrong OAuth token', by('oauth_token', 'wrong-oauth'), /Invalid OAuth access token/],
    [
      'a key of somebody else',
      by('private_key', stranger),
      /does not know this key for user LOADER.*fingerprint SHA256:\S+=: compare it with RSA_PUBLIC_KEY_FP in `DESC USER "LOADER"`/,
    ],
  ])('with %s says what to do, and is tried once', async (_what, credential, message) => {
    const found = await checked(credential);
    expect(found).toMatchObject({ ok: false, code: 1, message: expect.stringMatching(message) });
    expect(found.ended.stdout + found.ended.stderr).not.toMatch(/wrong-one|expired-token|wrong-oauth|PRIVATE KEY-----/);
    expect(peer.counted.logins).toBe(0);
  });

  test('with a key that cannot be read is a wrong config', async () => {
    const credential = by('private_key', String(locked));
    expect(await checked(credential)).toMatchObject({
      code: 2,
      message: expect.stringMatching(/set warehouse.private_key_passphrase/),
    });
  });

  test.each([
    [
      'a network policy',
      '390422',
      'Incoming request with IP/Token 203.0.113.7 is not allowed to access Snowflake.',
      /network policy keeps this host out/,
    ],
    [
      'a second factor',
      '390197',
      'Multi-factor authentication is required for this account.',
      /use private_key, or token/,
    ],
    [
      'a locked user',
      '390102',
      'Your user account has been temporarily locked due to too many failed attempts.',
      /locked or disabled/,
    ],
    [
      'a role that is not his',
      '390189',
      "Role 'LOADING' specified in the connect string does not exist or not authorized.",
      /GRANT ROLE "LOADING" TO USER "LOADER"/,
    ],
    [
      'a database that is not there',
      '390201',
      'The requested database does not exist or not authorized.',
      /GRANT USAGE, CREATE SCHEMA ON DATABASE "ANALYTICS" TO ROLE "LOADING"/,
    ],
    [
      'something that nothing is known of',
      '000403',
      'Account is suspended due to lack of payment method.',
      /lack of payment method \(000403\)\. Ask an admin of the account/,
    ],
  ])('that %s forbids says so', async (_what, code, words, message) => {
    peer.faults.add({ when: /LOGIN/, trouble: { kind: 'refuse', code, message: words } });
    expect(await checked(PASSWORD)).toMatchObject({ ok: false, code: 1, message: expect.stringMatching(message) });
  });

  test('to an address where nobody answers names it', async () => {
    const home = snowflakeHome(api, peer);
    await peer.stop();
    const ended = await home.run(['query', 'select 1']);
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ECONNREFUSED.*The address http:\/\/127\.0\.0\.1:\d+ was not reached; check/),
    });
  });
});

describe('a check', () => {
  test('tells who logged in, the key, the warehouse and the schema, and leaves nothing behind', async () => {
    const found = await checked(by('private_key', PRIVATE_KEY));
    expect(found).toMatchObject({ ok: true, code: 0 });
    expect(found.message).toMatch(
      /logged in as LOADER with role LOADING \(key SHA256:\S+\); warehouse LOADING runs.*; schema "ANALYTICS"."ROLLCALL" is there/,
    );
    expect([...peer.account.made.keys()]).toEqual([]);
    const home = snowflakeHome(api, peer);
    await home.sync();
    expect((await checked(PASSWORD)).message).toMatch(/8 tables in "ANALYTICS"."ROLLCALL" can be read and changed/);
  });

  const privileges = (object: string): string =>
    `SQL access control error:\nInsufficient privileges to operate on ${object}`;
  const refuse = (when: RegExp, code: string, message: string): Fault => ({
    when,
    trouble: { kind: 'refuse', code, message },
  });

  test.each([
    [
      'to use the virtual warehouse',
      refuse(/^COPY/, '000606', 'No active warehouse selected in the current session.'),
      'GRANT USAGE ON WAREHOUSE "LOADING" TO ROLE "LOADING"',
    ],
    [
      'to make tables',
      refuse(/^CREATE OR REPLACE TRANSIENT/, '003001', privileges("schema 'ROLLCALL'")),
      'GRANT USAGE, CREATE TABLE, CREATE VIEW ON SCHEMA "ANALYTICS"."ROLLCALL" TO ROLE "LOADING"',
    ],
    [
      'to make views',
      refuse(/^CREATE OR REPLACE VIEW/, '003001', privileges("schema 'ROLLCALL'")),
      'CREATE VIEW ON SCHEMA "ANALYTICS"."ROLLCALL"',
    ],
    [
      'to change tables',
      refuse(/^UPDATE .*"USER_CHANGES"/, '003001', privileges("table 'USER_CHANGES'")),
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "ANALYTICS"."ROLLCALL" TO ROLE "LOADING"',
    ],
  ])('names the grant that is missing %s', async (_what, fault, grant) => {
    await snowflakeHome(api, peer).sync();
    peer.faults.add(fault);
    const found = await checked(PASSWORD);
    expect(found).toMatchObject({ ok: false, code: 1, message: expect.stringContaining(grant) });
    expect(found.message).not.toMatch(/\bat .*\.ts/);
  });

  test('names the grant that is missing to make the schema', async () => {
    const bare = await peerOf({ schema: false });
    peer = bare;
    peer.faults.add(refuse(/^CREATE SCHEMA/, '003001', privileges("database 'ANALYTICS'")));
    expect(await checked(PASSWORD)).toMatchObject({
      ok: false,
      message: expect.stringContaining('GRANT USAGE, CREATE SCHEMA ON DATABASE "ANALYTICS" TO ROLE "LOADING"'),
    });
  });
});

test('grants prints what an admin runs, for the names of the config, without needing its secrets', async () => {
  const home = snowflakeHome(api, peer, { lines: PASSWORD.lines, variables: {} });
  const without = await home.run(['grants', 'snowflake']);
  expect(without).toMatchObject({ code: 0, stdout: expect.stringMatching(/AUTO_SUSPEND = 60/) });
  const { stdout } = await snowflakeHome(api, peer).run(['grants', 'snowflake']);
  expect(stdout).toMatch(/GRANT USAGE, CREATE TABLE, CREATE VIEW ON SCHEMA "ANALYTICS"."ROLLCALL" TO ROLE "LOADING";/);
  expect(stdout).toMatch(/CREATE WAREHOUSE IF NOT EXISTS "LOADING" WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60/);
  expect(stdout).not.toMatch(/OWNERSHIP|ACCOUNTADMIN|ALL PRIVILEGES/);
});
