import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { filesOf, type Home, json, makeHome, until } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** Every file with what is in it. */
const contents = (home: Home): readonly (readonly [string, string])[] =>
  filesOf(home.folder)
    .toSorted()
    .map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex')]);

async function home60(settings: readonly string[] = []): Promise<Home> {
  return makeHome(await start({ users: 60, seed: 3 }), settings);
}

const LOOKS: readonly (readonly string[])[] = [
  ['status'],
  ['runs'],
  ['rejected', 'list'],
  ['state', 'show', 'support'],
  ['changes'],
  ['sync', '--dry-run'],
];

describe('a command that only looks', () => {
  test.each(LOOKS)('%s %s leaves every file as it was, and no other', async (...args) => {
    const home = await home60();
    await home.sync();
    const before = contents(home);
    expect(await home.run(args)).toMatchObject({ code: 0 });
    expect(contents(home)).toEqual(before);
  });

  test('beside a run that was killed still sees what it recorded', async () => {
    const home = await home60();
    home.api.faults.add({ when: { path: '/users' }, answer: { kind: 'slow', ms: 60_000 }, times: 1 });
    const running = home.start(['sync']);
    await until(() => home.api.log.some(({ path }) => path.startsWith('/users')), 'the listing was asked for');
    running.child.kill('SIGKILL');
    await running.ended;
    const { code, stdout } = await home.run(['status', '--json']);
    expect(code).toBe(0);
    expect(json<unknown[]>(stdout)).toMatchObject([{ last_run: { outcome: 'running' } }]);
    expect(await home.sync()).toMatchObject({ code: 0, inserted: 60 });
  });

  test('a first dry run and a first preview make no folder', async () => {
    const home = await home60();
    rmSync(`${home.folder}/data`, { recursive: true });
    writeFileSync(home.config, readFileSync(home.config, 'utf8').replace('list: 0, get: 0', 'list: 60, get: 60'));
    const before = contents(home);
    expect(await home.run(['sync', '--dry-run'])).toMatchObject({ code: 0 });
    expect(await home.run(['preview', 'support'])).toMatchObject({ code: 0 });
    expect(await home.run(['status'])).toMatchObject({ code: 0 });
    expect(contents(home)).toEqual(before);
  });

  test('a dry run spends from the budget that syncs share', async () => {
    const home = await home60();
    const text = readFileSync(home.config, 'utf8');
    writeFileSync(home.config, text.replace('list: 0, get: 0', 'list: 60, get: 60'));
    await home.sync();
    const size = () =>
      filesOf(home.state)
        .filter((file) => file.includes('budgets'))
        .map((file) => file.slice(home.state.length));
    const [before] = [readFileSync(`${home.state}/budgets.sqlite`)];
    expect(await home.run(['sync', '--dry-run'])).toMatchObject({ code: 0 });
    expect(readFileSync(`${home.state}/budgets.sqlite`).equals(before)).toBe(false);
    expect(size()).toEqual(['/budgets.sqlite']);
  });
});

describe('status', () => {
  test('still tells of a refused scan after a resync that went well, in full', async () => {
    const home = await home60();
    await home.sync();
    const users = home.api.world.users();
    for (const { id } of users.slice(-40)) home.api.world.remove(id);
    expect(await home.sync()).toMatchObject({ code: 3, outcome: 'refused' });
    expect(await home.run(['resync', 'support', '--id', users[0]?.id ?? ''])).toMatchObject({ code: 0 });
    const [status] = json<{ trouble: string; last_run: { outcome: string } }[]>(
      (await home.run(['status', '--json'])).stdout,
    );
    expect(status).toMatchObject({ last_run: { outcome: 'ok' } });
    expect(status?.trouble).toMatch(/^the last scan was refused: .*--allow-deletes/);
    const { stdout } = await home.run(['status']);
    expect(stdout).toContain(`support: ${status?.trouble}\n`);
    expect(await home.sync('--allow-deletes')).toMatchObject({ code: 0 });
    expect((await home.run(['status', '--json'])).stdout).toContain('"trouble":null');
  });
});

test('changes of a field that has no column are shown by their paths', async () => {
  const home = await home60();
  const [user] = home.api.world.users();
  if (user === undefined) throw new Error('the world is too small');
  const own = { custom: { desk: 'A1', floor: 2 } };
  home.api.world.replace({ ...user, ...own });
  await home.sync();
  const changed = { custom: { desk: 'B7', floor: 2 }, badge: 'new' };
  home.api.world.replace({ ...user, ...changed });
  expect(await home.sync()).toMatchObject({ updated: 1 });
  const found = json<{ op: string; changes: unknown }[]>((await home.run(['changes', '--json'])).stdout);
  expect(found.find(({ op }) => op === 'update')?.changes).toEqual({
    'raw.custom.desk': ['A1', 'B7'],
    'raw.badge': [null, 'new'],
  });
  expect((await home.run(['changes'])).stdout).toMatch(
    /update .*raw\.custom\.desk: A1 → B7; raw\.badge: \(none\) → new/,
  );
});
