import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import { inserting } from '../peers/bigquery/faults.ts';
import type { PeerOptions } from '../peers/bigquery/inserts.ts';
import type { Peer } from '../peers/bigquery/server.ts';
import { ownPeer } from '../support/bigquery.ts';
import { type Ended, expectOneLine, type Home, json, makeHome, type Row, synced, until } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** A host whose warehouse is a dataset in a peer. */
interface Place {
  readonly api: PylonApi;
  readonly peer: Peer;
  readonly home: Home;
  query(sql: string): Promise<Row[]>;
}

const CONFIG = 'warehouse: { type: duckdb, path: ./data/warehouse.duckdb }';

function moveTo(home: Home, peer: Pick<Peer, 'url' | 'token'>, more = ''): void {
  const options = `project: acme-project, dataset: people, api_endpoint: "${peer.url}/", token: "\${BQ_TOKEN}"${more}`;
  const text = readFileSync(home.config, 'utf8');
  expect(text).toContain(CONFIG);
  writeFileSync(home.config, text.replace(CONFIG, `warehouse: { type: bigquery, ${options} }`));
  writeFileSync(join(home.folder, '.env'), `PYLON_TOKEN=${home.api.token}\nBQ_TOKEN=${peer.token}\n`);
}

async function place(options: PeerOptions = {}, users = 120): Promise<Place> {
  const [api, peer] = [await start({ users, seed: 3 }), await ownPeer(options)];
  return hostOf(api, peer);
}

function hostOf(api: PylonApi, peer: Peer, more = ''): Place {
  const home = makeHome(api);
  moveTo(home, peer, more);
  const query = async (sql: string): Promise<Row[]> => {
    const { code, stdout, stderr } = await home.run(['query', '--json', '--quiet', sql]);
    expect(code, stderr).toBe(0);
    return json<Row[]>(stdout);
  };
  return { api, peer, home, query };
}

const idOf = (api: PylonApi, at: number): string => String(api.world.users()[at]?.id);

describe('users who are written to', () => {
  test('are in the tables and in user_writes at once, and the next sync finds nothing new', async () => {
    const { api, home, query } = await place({ linger: 0 }, 20);
    await home.sync();
    const user = api.world.users().find(({ status }) => status === 'active');
    const id = user?.id ?? '';
    const wrote = await home.run(['users', 'update', 'support', id, '--set', 'status=away', '--yes', '--json']);
    expect({ code: wrote.code, line: json(wrote.stdout) }).toMatchObject({ code: 0, line: { outcome: 'applied' } });
    expect(await query(`select availability from users where user_id = '${id}'`)).toEqual([{ availability: 'away' }]);
    expect(await query('select user_id, op, changes, outcome, response_status from user_writes')).toEqual([
      { user_id: id, op: 'update', changes: { status: ['active', 'away'] }, outcome: 'applied', response_status: 200 },
    ]);
    expect(await home.sync()).toMatchObject({ code: 0, updated: 0, unchanged: 20, statements: 0 });
    expect(await query("select count(*) as n from user_changes where op = 'update'")).toEqual([{ n: 1 }]);
  });
});

describe('a sync into BigQuery', () => {
  test('loads everybody, then nothing, then the difference; a run tells what it used', async () => {
    const { api, peer, home, query } = await place({ linger: 0 });
    const first = await home.sync();
    expect(first).toMatchObject({ code: 0, outcome: 'ok', inserted: 120 });
    const jobs = peer.jobs.size;
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', unchanged: 120, statements: 0 });
    expect(peer.jobs.size, 'jobs of an unchanged run').toBe(jobs);
    api.world.rename(idOf(api, 0), 'Ada Renamed');
    api.world.remove(idOf(api, 1));
    const { code, stdout, stderr } = await home.run(['sync', '--json']);
    expect(code, stderr).toBe(0);
    const run = json<Row & { usage: { jobs: string[]; bytes_billed: number } }>(stdout);
    expect(run).toMatchObject({ outcome: 'ok', updated: 1, deleted: 1 });
    expect(run.usage.bytes_billed).toBeGreaterThan(0);
    expect(run.usage.jobs.every((id) => peer.jobs.has(`acme-project:${id}`))).toBe(true);
    const rows = await query('select count(*) as n, countif(deleted_at is null) as live from users');
    expect(rows).toEqual([{ n: 120, live: 119 }]);
    const runs = await query('select outcome, unchanged, usage from sync_runs order by started_at');
    expect(runs.map(({ outcome, unchanged }) => [outcome, unchanged])).toEqual([
      ['ok', 0],
      ['ok', 120],
      ['ok', 118],
    ]);
    expect(runs[2]?.usage).toEqual(run.usage);
  });

  test('is killed while its transaction runs: the next run finds its work, and each change is logged once', async () => {
    const { api, peer, home, query } = await place({ linger: 0 });
    await home.sync();
    api.world.rename(idOf(api, 0), 'Ada Renamed');
    peer.faults.push({ where: inserting('_apply'), does: { kind: 'slow', ms: 1500 } });
    const { child, ended } = home.start(['sync', '--json']);
    await until(() => [...peer.jobs.values()].some(({ state }) => state === 'RUNNING'), 'the transaction runs');
    child.kill('SIGKILL');
    await ended;
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok' });
    const log = await query(`select op from user_changes where user_id = '${idOf(api, 0)}' order by seq`);
    expect(log).toEqual([{ op: 'insert' }, { op: 'update' }]);
    expect((await home.sync()).statements).toBe(0);
  });

  test('loses every other answer and ends right all the same', async () => {
    const { peer, home, query } = await place({ linger: 0 });
    for (const part of ['_load', '_apply', '_read', '_run']) {
      peer.faults.push({ where: inserting(part), does: { kind: 'lost' } });
    }
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 120 });
    expect(await query('select count(*) as n from user_changes')).toEqual([{ n: 120 }]);
  });

  test('of a second host takes the connection over, and the first one notices', async () => {
    const { api, peer, home, query } = await place();
    await home.sync();
    const other = hostOf(api, peer);
    api.world.rename(idOf(api, 0), 'Ada Renamed');
    expect(await other.home.sync()).toMatchObject({ code: 0, updated: 1 });
    api.world.rename(idOf(api, 1), 'Bea Renamed');
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', updated: 1 });
    expect(await query('select op, count(*) as n from user_changes group by op order by op')).toEqual([
      { op: 'insert', n: 120 },
      { op: 'update', n: 2 },
    ]);
  });
});

describe('commands on BigQuery', () => {
  test('`check` makes the dataset and says what it tried; `query` shows the cost on stderr', async () => {
    const { home } = await place();
    const checked = await home.run(['check']);
    expect(checked).toMatchObject({ code: 0 });
    expect(checked.stdout).toMatch(/ok +warehouse: bigquery: dataset acme-project\.people was made/);
    await home.sync();
    const asked = await home.run(['query', 'select count(*) as n from users']);
    expect(asked).toMatchObject({ code: 0, stdout: 'n\n-\n120\n' });
    expect(asked.stderr).toMatch(
      /^reads 0\.0 MiB, about \$0\.00006 on demand\nbilled: 10\.0 MiB; slot time: 120 ms; query rollcall_people_read_/,
    );
    expect((await home.run(['query', 'select count(*) as n from users', '--max-bytes', '1MB'])).code).toBe(3);
    expect((await home.run(['query', 'delete from users where true'])).code).toBe(2);
  });

  test('`changes`, `state show`, `erase` and `forget` work as on any warehouse', async () => {
    const { api, home, query } = await place();
    await home.sync();
    api.world.rename(idOf(api, 0), 'Ada Renamed');
    await home.sync();
    const changes = json<Row[]>((await home.run(['changes', '--json', '--since', '1h'])).stdout);
    expect(changes.filter(({ op }) => op === 'update')).toMatchObject([{ name: 'Ada Renamed' }]);
    const state = json<{ warehouse: Row }>((await home.run(['state', 'show', 'support', '--json'])).stdout);
    expect(state.warehouse).toMatchObject({ seq: 2, recipe: expect.any(String) });
    expect((await home.run(['erase', 'support', idOf(api, 0), '--yes'])).code).toBe(0);
    expect(await query(`select count(*) as n from user_changes where user_id = '${idOf(api, 0)}'`)).toEqual([{ n: 0 }]);
    expect((await home.run(['forget', 'support', '--yes'])).code).toBe(0);
    expect(await query('select count(*) as n from users')).toEqual([{ n: 0 }]);
  });

  test('`query` answers the queries of docs/warehouses/bigquery.md', async () => {
    const { home, query } = await place();
    await home.sync();
    const text = readFileSync(new URL('../../docs/warehouses/bigquery.md', import.meta.url), 'utf8');
    const queries = [...text.matchAll(/^```googlesql\n([\s\S]*?)^```$/gm)].map(([, sql = '']) => sql);
    const answers = await Promise.all(queries.map(query));
    expect(answers.map((rows) => Object.keys(rows[0] ?? {}))).toEqual([
      ['run_id', 'started_at', 'bytes_billed', 'slot_ms', 'jobs'],
      ['recorded_at', 'connection', 'op', 'name', 'email'],
      expect.any(Array),
      ['name', 'slug'],
    ]);
    expect(Number(answers[0]?.[0]?.bytes_billed)).toBeGreaterThan(0);
  });

  test('`grants` prints commands for the configured names, and words to replace without a config', async () => {
    const { home } = await place();
    const { stdout } = await home.run(['grants', 'bigquery']);
    expect(stdout).toContain('--role=roles/bigquery.jobUser');
    expect(stdout).toContain('GRANT `roles/bigquery.dataEditor` ON SCHEMA `acme-project.people`');
    expect(stdout).toContain('# Put the account that Rollcall runs as in place of SERVICE_ACCOUNT.');
    expect(stdout, 'no word to replace that nobody speaks of').not.toContain('LOCATION');
    writeFileSync(home.config, 'warehouse: { type: bigquery }\nconnections: {}\n');
    const without = await home.run(['grants', 'bigquery']);
    expect(without).toMatchObject({ code: 0, stdout: expect.stringMatching(/add-iam-policy-binding PROJECT /) });
    expect(without.stderr).toMatch(/Replace the words in capitals/);
    expect(await home.run(['grants', 'duckdb'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/duckdb needs no grants/),
    });
  });
});

describe('what is wrong is said in one line, and the token is in none', () => {
  const say = async (
    change: (found: Place) => void,
    command: readonly string[],
  ): Promise<Ended & { token: string }> => {
    const found = await place();
    change(found);
    return { ...(await found.home.run(command)), token: found.peer.token };
  };

  test('a wrong token', async () => {
    const { code, stderr, stdout, token } = await say(({ peer }) => peer.accept('another'), ['query', 'select 1 as x']);
    expect(code).toBe(1);
    expectOneLine(stderr);
    expect(stderr).toMatch(/401.*warehouse\.token/);
    expect(stderr + stdout).not.toContain(token);
  });

  test('a wrong token ends a run as failed, of kind auth', async () => {
    const found = await place();
    found.peer.accept('another');
    const run = synced(await found.home.run(['sync', '--json']));
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'auth', retryable: false } });
  });

  test('a server that is not there', async () => {
    const found = await place();
    await found.peer.stop();
    const run = synced(await found.home.run(['sync', '--json']));
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'transient', retryable: true } });
    expect(run.error?.message).toMatch(/127\.0\.0\.1.*cannot be reached/);
  });

  test.each([
    ['no project', 'warehouse: { type: bigquery, dataset: people }', /warehouse\.project/],
    ['an unknown option', 'warehouse: { type: bigquery, project: p, dataset: d, keyfile: x }', /keyfile/],
    [
      'a label that BigQuery does not take',
      'warehouse: { type: bigquery, project: p, dataset: d, labels: { Team: x } }',
      /labels\.Team: must begin with a small letter/,
    ],
    [
      'a key file that is not there',
      'warehouse: { type: bigquery, project: p, dataset: d, credentials_file: none.json }',
      /none\.json does not exist/,
    ],
    [
      'a token in the file itself',
      'warehouse: { type: bigquery, project: p, dataset: d, api_endpoint: "http://127.0.0.1:1", token: abc }',
      /warehouse\.token/,
    ],
  ])('%s ends with 2', async (_what, line, words) => {
    const { code, stderr } = await say(
      ({ home }) => {
        writeFileSync(home.config, readFileSync(home.config, 'utf8').replace(/^warehouse: .*$/m, line));
      },
      ['query', 'select 1 as x'],
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
  });
});
