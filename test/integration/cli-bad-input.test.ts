import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectNoSecret, expectOneLine, expectTable, type Home, makeHome, synced } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

const TOKEN = 'pyl_5up3rs3cr3t';

async function secretHome(): Promise<Home> {
  return makeHome(await start({ users: 60, seed: 2, token: TOKEN }));
}

/** Puts another text in the place of one in a file of the home. */
function edit(home: Home, file: 'rollcall.yaml' | '.env', from: string, to: string): void {
  const path = join(home.folder, file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

/** The trouble is over: the next run ends with the right table, and no secret is anywhere. */
async function expectWell(home: Home, users = home.api.world.users()): Promise<void> {
  const run = await home.run(['sync', '--json']);
  expect(synced(run)).toMatchObject({ code: 0, outcome: 'ok', seen: users.length });
  await expectTable(home, users);
  expectNoSecret(home, TOKEN, [run]);
}

/** The run fails in one line for a person as well as in JSON. */
async function expectFailed(home: Home, code: number, error: { kind: string; says: RegExp }, secret = TOKEN) {
  const spoken = await home.run(['sync']);
  expect(spoken.code).toBe(code);
  expect(spoken.stdout).toMatch(error.says);
  expect(spoken.stdout).not.toMatch(/\bat .*\.(ts|js):\d+|unexpected error/);
  const machine = await home.run(['sync', '--json']);
  const run = synced(machine);
  expect(run).toMatchObject({
    code,
    outcome: 'failed',
    error: { kind: error.kind, message: expect.stringMatching(error.says) },
  });
  expect(Object.keys(run.error ?? {})).toEqual(['kind', 'step', 'message', 'retryable']);
  expect(run.error?.message).toContain('support');
  expect(run.error?.message).not.toContain('\n');
  expectNoSecret(home, secret, [spoken, machine]);
}

describe('credentials', () => {
  test('a wrong token is told, with what to do, and shown nowhere', async () => {
    const home = await secretHome();
    await home.sync();
    home.api.world.rename(home.api.world.users()[0]?.id ?? '', 'Renamed Meanwhile');
    edit(home, '.env', TOKEN, 'pyl_wr0ngwr0ng');
    await expectFailed(home, 1, { kind: 'auth', says: /401.*not valid.*ake a new API token/ }, 'pyl_wr0ngwr0ng');
    edit(home, '.env', 'pyl_wr0ngwr0ng', TOKEN);
    await expectWell(home);
  });

  test('a token of the other region names the setting to change', async () => {
    const home = await secretHome();
    edit(home, '.env', TOKEN, home.api.foreignToken);
    await expectFailed(home, 1, { kind: 'auth', says: /other region.*region: (us|eu)/ }, home.api.foreignToken);
    edit(home, '.env', home.api.foreignToken, TOKEN);
    await expectWell(home);
  });

  test('a token that an HTTP header cannot carry is refused without being shown', async () => {
    const home = await secretHome();
    edit(home, '.env', TOKEN, '"pyl_l1ne\\nbr3ak"');
    const { code, stdout, stderr } = await home.run(['sync', '--json']);
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/credential|token/);
    expectNoSecret(home, 'br3ak', [{ stdout, stderr }]);
  });

  test('a missing variable is named with its path in the configuration, and nothing is made', async () => {
    const home = await secretHome();
    rmSync(join(home.folder, '.env'));
    const { code, stdout, stderr } = await home.run(['sync', '--json']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expectOneLine(stderr);
    expect(stderr).toMatch(/connections\.support\.token.*PYLON_TOKEN is not set/);
    expect(existsSync(home.state)).toBe(false);
    const env = { PYLON_TOKEN: TOKEN };
    expect(synced(await home.run(['sync', '--json'], { env }))).toMatchObject({ code: 0, outcome: 'ok' });
  });

  test('the environment wins over .env', async () => {
    const home = await secretHome();
    const run = await home.run(['sync', '--json'], { env: { PYLON_TOKEN: 'pyl_wr0ngwr0ng' } });
    expect(synced(run)).toMatchObject({ code: 1, error: { kind: 'auth' } });
  });
});

describe('a server that is not the API', () => {
  async function port(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  test('that nobody answers for is told with its address', async () => {
    const home = await secretHome();
    const url = `http://127.0.0.1:${await port()}`;
    edit(home, 'rollcall.yaml', home.api.url, url);
    await expectFailed(home, 1, {
      kind: 'transient',
      says: new RegExp(`${url.slice(7)} refuses connections.*base_url`),
    });
    edit(home, 'rollcall.yaml', url, home.api.url);
    await expectWell(home);
  });

  test('that answers in HTML is told, not parsed', async () => {
    const home = await secretHome();
    const added = home.api.faults.add({
      answer: { kind: 'body', type: 'text/html', body: '<html><head><title>Log in</title></head></html>' },
      times: Number.POSITIVE_INFINITY,
    });
    await expectFailed(home, 1, { kind: 'transient', says: /proxy or gateway.*Log in.*base_url/ });
    added.remove();
    await expectWell(home);
  });

  test('that answers with JSON of something else is told', async () => {
    const home = await secretHome();
    const added = home.api.faults.add({
      answer: { kind: 'body', body: '{"hello":"world"}' },
      times: Number.POSITIVE_INFINITY,
    });
    await expectFailed(home, 1, { kind: 'bad-data', says: /base_url|unexpected/ });
    added.remove();
    await expectWell(home);
  });
});

describe('a configuration with mistakes', () => {
  test.each([
    { what: 'an unknown key', extra: '    tokn: x\n', says: /connections\.support\.tokn/ },
    { what: 'an unknown section', extra: 'warehuose: {}\n', says: /warehuose/ },
    { what: 'broken YAML', extra: '  : [\n', says: /rollcall\.yaml/ },
  ])('$what ends with 2 in one line before anything is made', async ({ extra, says }) => {
    const home = await secretHome();
    const right = readFileSync(home.config);
    appendFileSync(home.config, extra);
    const ended = await home.run(['sync']);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
    expectOneLine(ended.stderr);
    expect(ended.stderr).toMatch(says);
    expect(existsSync(home.state)).toBe(false);
    expectNoSecret(home, TOKEN, [ended]);
    writeFileSync(home.config, right);
    await expectWell(home);
  });

  test('tells every problem at once, a line each', async () => {
    const home = await secretHome();
    appendFileSync(home.config, '    tokn: x\n    regoin: eu\n    include_deactivated: maybe\n');
    const { code, stderr } = await home.run(['sync']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/3 problems/);
    for (const path of ['tokn', 'regoin', 'include_deactivated'])
      expect(stderr).toContain(`connections.support.${path}`);
  });

  test('a connection that there is not is told with those there are', async () => {
    const home = await secretHome();
    const { code, stdout, stderr } = await home.run(['sync', 'suport']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expectOneLine(stderr);
    expect(stderr).toMatch(/suport.*support/);
  });

  test('a folder without a configuration says how to write one', async () => {
    const home = await secretHome();
    rmSync(home.config);
    const { code, stderr } = await home.run(['sync']);
    expect(code).toBe(2);
    expectOneLine(stderr);
    expect(stderr).toContain('rollcall init');
  });
});
