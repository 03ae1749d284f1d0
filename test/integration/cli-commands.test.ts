import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  emptyFolder,
  expectNoSecret,
  expectOneLine,
  expectTable,
  json,
  makeHome,
  type Row,
  startCli,
} from '../support/cli.ts';
import { start } from '../support/pylon.ts';

describe('rollcall init', () => {
  test('writes a configuration and a .env to fill in, and overwrites neither', async () => {
    const folder = emptyFolder();
    const first = await startCli(folder, ['init']).ended;
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(folder).toSorted()).toEqual(['.env', 'rollcall.yaml']);
    expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600);
    const config = join(folder, 'rollcall.yaml');
    expect(first.stdout).toContain(config);

    writeFileSync(config, '# mine\n');
    const second = await startCli(folder, ['init']).ended;
    expect({ code: second.code, stdout: second.stdout }).toEqual({ code: 2, stdout: '' });
    expectOneLine(second.stderr);
    expect(second.stderr).toMatch(/already there/);
    expect(readFileSync(config, 'utf8')).toBe('# mine\n');
  });

  test('writes what a sync can use once the token is there', async () => {
    const api = await start({ users: 7 });
    const home = makeHome(api);
    const folder = emptyFolder();
    await startCli(folder, ['init']).ended;
    const missing = await startCli(folder, ['check']).ended;
    expect(missing.code).toBe(2);
    expectOneLine(missing.stderr);
    expect(missing.stderr).toContain('PYLON_TOKEN is empty');
    const config = join(folder, 'rollcall.yaml');
    const text = readFileSync(config, 'utf8').replace(/# base_url: \S+ .*/, `base_url: ${home.api.url}`);
    writeFileSync(config, text);
    writeFileSync(join(folder, '.env'), `PYLON_TOKEN=${api.token}\n`);
    const ended = await startCli(folder, ['sync', '--json']).ended;
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(json<Row>(ended.stdout)).toMatchObject({ outcome: 'ok', inserted: 7 });
  });
});

describe('rollcall check', () => {
  test('names what is there, and writes nothing into the warehouse', async () => {
    const home = makeHome(await start({ users: 9 }));
    const { code, stdout } = await home.run(['check', '--json']);
    expect(code).toBe(0);
    const found = json<Row[]>(stdout);
    expect(found.map(({ subject, ok }) => [subject, ok])).toEqual([
      ['config', true],
      ['state', true],
      ['warehouse', true],
      ['support', true],
    ]);
    expect(found[3]?.message).toContain(home.api.world.organization.name);
    const spoken = await home.run(['check', 'support']);
    expect(spoken.code).toBe(0);
    expect(spoken.stdout.trimEnd().split('\n')).toHaveLength(4);
    expectNoSecret(home, home.api.token, [spoken, { stdout, stderr: '' }]);
  });

  test('tells what is wrong, and still looks at the rest', async () => {
    const home = makeHome(await start({ users: 9, token: 'pyl_5up3rs3cr3t' }));
    writeFileSync(home.state, 'not a folder');
    const wrong = await home.run(['check', '--json']);
    expect(wrong.code).toBe(2);
    const found = json<Row[]>(wrong.stdout);
    expect(found.find(({ subject }) => subject === 'state')).toMatchObject({
      ok: false,
      message: expect.stringContaining('state.dir'),
    });
    expect(found.find(({ subject }) => subject === 'warehouse')).toMatchObject({ ok: true });
    expectNoSecret(home, 'pyl_5up3rs3cr3t', [wrong]);
  });

  test('ends with 1 for a token that the API refuses', async () => {
    const home = makeHome(await start({ users: 9 }));
    const { code, stdout } = await home.run(['check', '--json'], { env: { PYLON_TOKEN: 'pyl_wr0ng' } });
    expect(code).toBe(1);
    expect(json<Row[]>(stdout)[3]).toMatchObject({
      subject: 'support',
      ok: false,
      message: expect.stringMatching(/401/),
    });
    expect(stdout).not.toContain('pyl_wr0ng');
  });
});

describe('rollcall preview', () => {
  test('shows so many users as they would be loaded, and writes nothing', async () => {
    const home = makeHome(await start({ users: 40 }));
    const { code, stdout } = await home.run(['preview', 'support', '--limit', '3', '--json']);
    expect(code).toBe(0);
    const [first, ...others] = json<Row[]>(stdout);
    const user = home.api.world.users()[0];
    expect(others).toHaveLength(2);
    expect(first).toMatchObject({
      user_id: user?.id,
      name: user?.name,
      email: user?.email,
      emails: user?.emails,
      active: true,
    });
    expect(first?.roles).toEqual([user?.role]);
    const spoken = await home.run(['preview', 'support']);
    expect(spoken.code).toBe(0);
    expect(spoken.stdout.trimEnd().split('\n')).toHaveLength(2 + 10);
    expect(existsSync(home.warehouse)).toBe(false);
    expect(existsSync(join(home.state, 'support.ledger'))).toBe(false);
  });
});

describe('rollcall runs and status', () => {
  test('tell of a connection that never ran', async () => {
    const home = makeHome(await start({ users: 4 }));
    expect(await home.run(['runs', '--json'])).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
    expect((await home.run(['runs'])).stdout).toContain('rollcall sync');
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({
      connection: 'support',
      users: 0,
      last_run: null,
      fresh_at: null,
      trouble: 'never ran',
    });
  });

  test('list runs newest first, with their errors', async () => {
    const home = makeHome(await start({ users: 4 }));
    const ok = await home.sync();
    const failed = await home.run(['sync', '--json'], { env: { PYLON_TOKEN: 'pyl_wr0ng' } });
    const runs = json<Row[]>((await home.run(['runs', '--json'])).stdout);
    expect(runs.map(({ run_id }) => run_id)).toEqual([json<Row>(failed.stdout).run_id, ok.run_id]);
    expect(runs[0]).toMatchObject({ outcome: 'failed', trigger: 'command', error: { kind: 'auth', retryable: false } });
    expect(runs[1]).toMatchObject({ ...json<Row>(JSON.stringify({ inserted: 4, outcome: 'ok' })), source: 'pylon' });
    expect(json<Row[]>((await home.run(['runs', 'support', '--limit', '1', '--json'])).stdout)).toHaveLength(1);
    const table = await home.run(['runs']);
    expect(table.stdout.trimEnd().split('\n')).toHaveLength(4);
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({ users: 4, last_run: { outcome: 'failed' }, trouble: expect.stringMatching(/401/) });
    expect((await home.run(['status'])).stdout).toMatch(/support\s+pylon\s+4/);
  });
});

describe('what goes where', () => {
  test('results go to stdout alone, and the log to stderr alone, a JSON object a line', async () => {
    const home = makeHome(await start({ users: 30 }));
    const { stdout, stderr } = await home.run(['sync']);
    expect(stdout).toMatch(
      /^support: ok — 30 users seen: 30 new, 0 unchanged \(1 pages?, \d+ requests, \d+ statements, [^)]+\)\n$/,
    );
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => json<Row>(line));
    expect(lines.map(({ msg }) => msg)).toContain('page');
    for (const line of lines) expect(line).toMatchObject({ level: expect.any(String), connection: 'support' });
  });

  test('--quiet says nothing of a run that went well, and all of one that did not', async () => {
    const home = makeHome(await start({ users: 30 }));
    expect(await home.run(['sync', '--quiet'])).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    const failed = await home.run(['--quiet', 'sync'], { env: { PYLON_TOKEN: 'pyl_wr0ng' } });
    expect(failed).toMatchObject({ code: 1, stderr: '' });
    expect(failed.stdout).toMatch(/failed.*\n.*401/);
    const json1 = await home.run(['sync', '--quiet', '--json']);
    expect(json<Row>(json1.stdout)).toMatchObject({ outcome: 'ok', unchanged: 30 });
    expect(json1.stderr).toBe('');
  });

  test('several connections print one object each, one a line', async () => {
    const home = makeHome(await start({ users: 5 }));
    const text = readFileSync(home.config, 'utf8');
    const [, second = ''] = text.split('connections:\n');
    writeFileSync(home.config, text + second.replace('support:', 'sales:'));
    const { code, stdout } = await home.run(['sync', '--json']);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => json<Row>(line));
    expect(lines.map(({ connection, inserted }) => [connection, inserted])).toEqual([
      ['support', 5],
      ['sales', 5],
    ]);
    const one = await home.run(['sync', '--json', 'sales']);
    expect(json<Row>(one.stdout)).toMatchObject({ connection: 'sales', unchanged: 5 });
    expect(
      await home.rows('select account_count, count(*) as n from people where email is not null group by 1'),
    ).toEqual([{ account_count: 2, n: 5 }]);
  });

  test('options stand before or after the command, and --config names a file elsewhere', async () => {
    const home = makeHome(await start({ users: 5 }));
    const elsewhere = emptyFolder();
    const args = ['--config', home.config, '--json', 'sync', 'support'];
    expect(json<Row>((await startCli(elsewhere, args).ended).stdout)).toMatchObject({ outcome: 'ok', inserted: 5 });
    await expectTable(home);
    expect(readdirSync(elsewhere)).toEqual([]);
  });
});

describe('mistakes on the command line', () => {
  test.each([
    { args: ['synk'], says: /unknown command 'synk'/ },
    { args: ['sync', '--dryrun'], says: /unknown option '--dryrun'/ },
    { args: ['preview'], says: /missing required argument 'connection'/ },
    { args: ['preview', 'support', '--limit', 'many'], says: /--limit.*whole number/ },
    { args: ['runs', 'support', 'sales'], says: /too many arguments/ },
  ])('$args ends with 2, a message and where to look', async ({ args, says }) => {
    const { code, stdout, stderr } = await startCli(emptyFolder(), args).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/^error: [^\n]+\n(\(Did you mean [^\n]+\)\n)?\(--help [^\n]+\)\n$/);
  });
});

describe('--help', () => {
  test('of the program names every command, and each has its own', async () => {
    const folder = emptyFolder();
    const { code, stdout, stderr } = await startCli(folder, ['--help']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const commands = [...stdout.matchAll(/^ {2}([a-z]+)(?: [[<].*?)? {2,}\S/gm)].map(([, name]) => name ?? '');
    expect(commands).toEqual(
      expect.arrayContaining(['init', 'check', 'preview', 'sync', 'runs', 'status', 'query', 'demo']),
    );
    const helps = await Promise.all(commands.map((name) => startCli(folder, [name, '--help']).ended));
    for (const [index, help] of helps.entries()) {
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(new RegExp(`^Usage: rollcall ${commands[index] === 'help' ? '' : commands[index]}`));
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});
