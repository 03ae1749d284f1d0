import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { emptyFolder, json, type Row, startCli } from '../support/cli.ts';

const QUERY = ['query', '--config', 'rollcall-demo/rollcall.yaml', '--json'];

async function ask(folder: string, sql: string): Promise<Row[]> {
  const { code, stdout, stderr } = await startCli(folder, [...QUERY, sql]).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return json<Row[]>(stdout);
}

describe('rollcall demo --all', () => {
  test('brings the four systems into one warehouse and answers what none of them can', async () => {
    const folder = emptyFolder();
    const { code, stdout, stderr } = await startCli(folder, ['demo', '--all']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/: ok — /g)).toHaveLength(8);
    const answer = (question: string): string => stdout.split(`${question}\n`)[1]?.split('\n\n')[1] ?? '';
    expect(answer('Who has an admin role anywhere?')).toMatch(/@acme\.test +infra, staff/);
    expect(answer('Who is suspended in one system and active in another?')).toMatch(
      /@acme\.test +staff +infra, product, support/,
    );
    for (const secret of readFileSync(join(folder, 'rollcall-demo/.env'), 'utf8').matchAll(/=(.+)/g))
      expect(stdout).not.toContain(secret[1]);
    expect(
      await ask(folder, 'select source, count(*) as n from current_users group by source order by source'),
    ).toEqual([
      { source: 'bluebricks', n: 80 },
      { source: 'ident', n: 349 },
      { source: 'jitsudo', n: 320 },
      { source: 'pylon', n: 251 },
    ]);
    const everybody = "select count(*) as n from people where account_count = 4 and email like '%@acme.test'";
    expect(await ask(folder, everybody)).toEqual([{ n: 80 }]);
  });
});

describe('rollcall demo', () => {
  test('syncs twice, shows what changed and answers, and its tables can be asked afterwards', async () => {
    const folder = emptyFolder();
    const { code, stdout, stderr } = await startCli(folder, ['demo']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readdirSync(folder)).toEqual(['rollcall-demo']);
    expect(stdout).toMatch(/5,000 users seen: 5,000 new, 0 unchanged/);
    expect(stdout).toMatch(/5,002 users seen: 2 new, 5 changed, 4,995 unchanged/);
    expect(stdout.match(/^ {2}select /gm)).toHaveLength(3);
    expect(stdout).toMatch(/Newcomer/);
    expect(stdout).not.toContain(readFileSync(join(folder, 'rollcall-demo/.env'), 'utf8').split('=')[1]?.trim());

    expect(await ask(folder, 'select count(*) as n from current_users')).toEqual([{ n: 5002 }]);
    expect(await ask(folder, 'select op, count(*) as n from user_changes group by op order by op')).toEqual([
      { op: 'insert', n: 5002 },
      { op: 'update', n: 5 },
    ]);
    expect(
      await ask(
        folder,
        "select count(*) as n from user_changes where op = 'update' and len(changed_fields::varchar[]) <> 1",
      ),
    ).toEqual([{ n: 0 }]);
  });

  test('works a second time in the same folder, and leaves what is not its own', async () => {
    const folder = emptyFolder();
    await startCli(folder, ['demo', '--quiet']).ended;
    writeFileSync(join(folder, 'rollcall-demo/notes.txt'), 'mine');
    const again = await startCli(folder, ['demo', '--json']).ended;
    expect(again.code).toBe(0);
    const runs = again.stdout
      .trimEnd()
      .split('\n')
      .map((line) => json<Row>(line));
    expect(runs).toMatchObject([
      { outcome: 'ok', inserted: 5000, updated: 0 },
      { outcome: 'ok', inserted: 2, updated: 5, unchanged: 4995 },
    ]);
    expect(existsSync(join(folder, 'rollcall-demo/notes.txt'))).toBe(true);
    expect(await ask(folder, 'select count(*) as n from users')).toEqual([{ n: 5002 }]);
  });
});
