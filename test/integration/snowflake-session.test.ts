import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dialect, init, parse } from '@polyglot-sql/sdk';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Session } from '../../src/contract/warehouse.ts';
import { RollcallError } from '../../src/errors.ts';
import { snowflake } from '../../src/warehouses/snowflake.ts';
import { ask, begin, logIn, logOut, rowsOf } from '../../src/warehouses/snowflake-link.ts';
import { options } from '../../src/warehouses/snowflake-login.ts';
import type { Peer } from '../peers/snowflake/state.ts';
import { LOADER, optionsTo, peerOf, sentSince } from '../support/snowflake.ts';
import { type Desk, openDesk, reject, upsert } from '../support/warehouses.ts';

let peer: Peer;
let desk: Desk;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-snowflake-'));
  peer = await peerOf();
  desk = await openDesk(snowflake, { ...optionsTo(peer.url), password: LOADER.password });
  await desk.prepare();
  await desk.claim('e1');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('an upload', () => {
  test('that the store refuses is an error, though the driver raises none', async () => {
    peer.faults.add({ when: /^PUT/, trouble: { kind: 'store' }, times: 2 });
    await expect(desk.apply([upsert('u1')])).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/could not be uploaded/),
    });
    expect(await desk.apply([upsert('u1')])).toMatchObject({ result: 'done' });
  });

  test('that breaks off is an error, too', async () => {
    rmSync(peer.account.stages, { recursive: true });
    writeFileSync(peer.account.stages, 'no folder');
    await expect(desk.apply([upsert('u1')])).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/could not be uploaded/),
    });
    rmSync(peer.account.stages);
  });

  test('of a file that the table’s load history knows is loaded under another name', async () => {
    const file = desk.file('e1-1-aa', [upsert('u1'), upsert('u2')]);
    const signal = new AbortController().signal;
    // The server takes the table that is made anew for the same one.
    const has = peer.account.history.has.bind(peer.account.history);
    peer.account.history.has = (known) =>
      [...peer.account.history].some((one) => one.split(' ')[2] === known.split(' ')[2]) || has(known);
    await desk.session().stage(file, signal);
    const staging = await desk.session().stage(file, signal);
    const [count] = await desk.read(`select count(*) as "LINES" from ${staging}`);
    expect(count?.lines).toBe(2);
    const copied = peer.log
      .filter(({ sql }) => sql.startsWith('COPY'))
      .map(({ sql }) => /FILES = \('([^']+)'\)/.exec(sql)?.[1]);
    expect(new Set(copied).size).toBe(2);
    expect(copied).toHaveLength(3);
  });

  test('takes the file of a process that died along a day later', async () => {
    const signal = new AbortController().signal;
    const session = await snowflake.open(
      options.parse({ ...optionsTo(peer.url), password: LOADER.password }),
      'write',
      { scratch: folder, signal, waiting: () => undefined },
    );
    const left = ['load-e9-1-aa', 'load-e9-2-bb'].map((name) => join(folder, 'snowflake', name));
    for (const dead of left) {
      mkdirSync(dead, { recursive: true });
      writeFileSync(join(dead, 'e9.json.gz'), 'users');
    }
    const yesterday = Date.now() / 1000 - 25 * 60 * 60;
    utimesSync(left[0] ?? '', yesterday, yesterday);
    await session?.stage(desk.file('e1-1-aa', [upsert('u1')]), signal);
    await session?.close();
    expect(readdirSync(join(folder, 'snowflake'))).toEqual(['load-e9-2-bb']);
  });

  test('takes the staging tables of earlier batches of its ledger along', async () => {
    const stage = async (batch_id: string) =>
      desk.session().stage(desk.file(batch_id, [upsert('u1')]), new AbortController().signal);
    for (const batch_id of ['e9-3-cc', 'e1-1-aa', 'e1-2-bb']) await stage(batch_id);
    const left = () => [...peer.account.made.keys()].filter((name) => name.includes('STAGE_'));
    expect(left()).toEqual(['ANALYTICS.ROLLCALL.STAGE_E9_3_CC', 'ANALYTICS.ROLLCALL.STAGE_E1_2_BB']);
  });

  test('leaves nothing behind: neither here nor in the user’s stage', async () => {
    await desk.apply([upsert('u1')]);
    const files = readdirSync(peer.account.stages, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files).toEqual([]);
    expect([...peer.account.made.keys()].filter((name) => name.includes('STAGE_'))).toEqual([]);
  });
});

test('a line that is too long for Snowflake costs its row alone', async () => {
  const large = JSON.stringify({ id: 'u2', bio: `\u2028é🎉"${'x'.repeat(17_000_000)}` });
  const lines = [upsert('u1', { name: 'A\u2028B' }), upsert('u2', { raw: large }), reject(large), upsert('u3')];
  expect(await desk.apply(lines)).toMatchObject({ result: 'done', refused: ['u2'] });
  expect(await desk.rows('users', 'user_id')).toMatchObject([{ user_id: 'u1', name: 'A\u2028B' }, { user_id: 'u3' }]);
  const kept = await desk.read(
    'select reason, left(payload, 10) as start, length(payload) > 1000000 as much from rejected_records order by reason',
  );
  expect(kept).toEqual([
    { reason: 'id: a user without an id', start: '{"id":"u2"', much: true },
    { reason: 'raw: the warehouse cannot convert this value', start: '{"id":"u2"', much: true },
  ]);
});

describe('reading', () => {
  const many = `select n as "N" from (select unnest(range(0, 12000)) as n) t order by 1`;

  test('puts chunks together in their order', async () => {
    const link = await logIn(options.parse({ ...optionsTo(peer.url), token: LOADER.token }), folder);
    const rows = await Array.fromAsync(rowsOf(link, await begin(link, { sql: many, params: [] })));
    expect(rows.map((row) => row.n)).toEqual(Array.from({ length: 12_000 }, (_, i) => i));
    await logOut(link);
  });

  test('refuses an answer in a format that the driver takes for no rows', async () => {
    await desk.apply([upsert('u1')]);
    peer.faults.add({ when: /count\(\*\)/i, trouble: { kind: 'arrow' } });
    await expect(desk.read('select count(*) as "C" from users')).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/announced 1 rows and sent 0/),
    });
  });

  test('gives up a server that does not answer, and says so', async () => {
    const patience = { silence: 200, statement: 1000 };
    const link = await logIn(options.parse({ ...optionsTo(peer.url), token: LOADER.token }), folder, patience);
    peer.faults.add({ when: /^select 7/, trouble: { kind: 'silence' } });
    await expect(ask(link, { sql: 'select 7', params: [] })).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/did not answer/),
    });
    expect(link.lost).toBe(true);
    const before = peer.sessions();
    await logOut(link);
    expect(peer.sessions()).toBe(before - 1);
  });

  test('waits for a statement that is at work, however long the server is silent between its answers', async () => {
    const patience = { silence: 60, statement: 10_000 };
    const link = await logIn(options.parse({ ...optionsTo(peer.url), token: LOADER.token }), folder, patience);
    peer.faults.add({ when: /^select 7/, trouble: { kind: 'slow', polls: 40 } });
    await expect(ask(link, { sql: 'select 7 as "S"', params: [] })).resolves.toMatchObject({ rows: [{ s: 7 }] });
    await logOut(link);
  });
});

test('two checks at once stay out of each other’s way', async () => {
  const signal = new AbortController().signal;
  const context = { scratch: folder, signal, waiting: () => undefined };
  const given = options.parse({ ...optionsTo(peer.url), password: LOADER.password });
  await Promise.all([snowflake.check?.(given, context), snowflake.check?.(given, context)]);
  const made = peer.log.flatMap(({ sql }) => /^CREATE OR REPLACE TRANSIENT TABLE (\S+)/.exec(sql)?.[1] ?? []);
  expect(new Set(made).size).toBe(4);
});

test('an independent parser of Snowflake’s SQL takes everything that a session sends', async () => {
  await init();
  await desk.apply([upsert('u1'), upsert('bad', { created_at: 'no time' })]);
  await desk.session().identity('crm');
  await snowflake.check?.(options.parse({ ...optionsTo(peer.url), password: LOADER.password }), {
    scratch: folder,
    signal: new AbortController().signal,
    waiting: () => undefined,
  });
  const refused = peer.log.filter(({ sql }) => !parse(sql, Dialect.Snowflake).success).map(({ sql }) => sql);
  expect(refused).toEqual([]);
  expect(peer.log.length).toBeGreaterThan(60);
});

describe('a session', () => {
  const open = async (): Promise<Session> => {
    const found = await snowflake.open(options.parse({ ...optionsTo(peer.url), password: LOADER.password }), 'read', {
      scratch: folder,
      signal: new AbortController().signal,
      waiting: () => undefined,
    });
    if (found === null) throw new Error('the tables are there');
    return found;
  };

  test('is kept over a scan of two hours, for a token that one logs in with lasts ten minutes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { logins } = peer.counted;
    try {
      await desk.session().close();
      await vi.advanceTimersByTimeAsync(2 * 60 * 60_000);
    } finally {
      vi.useRealTimers();
    }
    await (await open()).close();
    expect([peer.counted.logins, peer.sessions()]).toEqual([logins, 1]);
  });

  test('is kept for the next user, and made anew where it is gone', async () => {
    await desk.session().close();
    const { logins } = peer.counted;
    await (await open()).close();
    expect(peer.counted.logins).toBe(logins);
    peer.faults.add({ when: /^SHOW/, trouble: { kind: 'gone' } });
    await (await open()).close();
    expect(peer.counted.logins).toBe(logins + 1);
  });

  test('says that nothing changed from metadata alone, without a virtual warehouse', async () => {
    await desk.apply([upsert('u1')]);
    const before = await desk.session().identity('crm');
    const since = peer.log.length;
    const session = await open();
    expect(await session.identity('crm')).toEqual(before);
    expect(before).toMatchObject({ rows: 1, empty: ['roles', 'teams', 'rejected_records'] });
    expect(sentSince(peer, since)).toEqual(['SHOW TABLES']);
    expect(peer.log.slice(since).some(({ wakes }) => wakes)).toBe(false);
    expect([session.statements(), session.usage?.()]).toEqual([0, null]);
    await session.close();
  });

  test('tells tables that were dropped and made again from those that were there', async () => {
    const before = await desk.session().identity('crm');
    await peer.run('create or replace table users as select * from users');
    const after = await desk.session().identity('crm');
    expect(after?.tables).not.toBe(before?.tables);
    await peer.run('drop table teams');
    expect(await desk.session().identity('crm')).toBeNull();
  });

  test('for reading runs nothing that does more', async () => {
    const session = await open();
    const deleting = Array.fromAsync(session.read({ sql: 'delete from users', params: [] }));
    await expect(deleting).rejects.toBeInstanceOf(RollcallError);
    await session.close();
  });

  test('tags every query and fixes what users may have set otherwise', async () => {
    expect(peer.log.at(-1)?.parameters).toMatchObject({
      QUERY_TAG: 'rollcall',
      TIMEZONE: 'UTC',
      TIMESTAMP_INPUT_FORMAT: 'AUTO',
      ROWS_PER_RESULTSET: 0,
      ERROR_ON_NONDETERMINISTIC_MERGE: true,
    });
  });

  test('reports what a batch used', async () => {
    const before = desk.session().usage?.();
    await desk.apply([upsert('u1'), upsert('u2')]);
    const used = desk.session().usage?.();
    expect(used?.bytes).toBeGreaterThan(100);
    // Staged, logged, and written; the state row.
    expect(Number(used?.rows) - Number(before?.rows)).toBe(2 + 2 + 2 + 1);
    expect(new Set(used?.jobs).size).toBe(used?.jobs.length);
  });
});
