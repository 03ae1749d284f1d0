import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Random, randomFrom } from '../../src/demo/local/random.ts';
import {
  expectTable,
  type Home,
  isPage,
  json,
  makeHome,
  pagesAsked,
  type Row,
  smallPages,
  until,
} from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** Names the seed in every failure: the same moments are tried again with it as `CRASH_SEED`. */
async function seeded(work: (random: Random) => Promise<void>): Promise<void> {
  const seed = Number(process.env.CRASH_SEED ?? randomInt(2 ** 31));
  try {
    await work(randomFrom(seed));
  } catch (error) {
    throw new Error(`failed with CRASH_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Starts a sync and kills it `ms` after `ready` holds. True when it was still running then. */
async function killAfter(home: Home, ready: () => boolean, ms: number): Promise<boolean> {
  const { child, ended } = home.start(['sync', '--json']);
  let over = false;
  const end = ended.then((result) => {
    over = true;
    return result;
  });
  await until(() => over || ready(), 'the run has come to the moment to be killed at');
  // The moment itself is what is random here; no event of the program may decide it.
  await Promise.race([pause(ms), end]);
  child.kill('SIGKILL');
  return (await end).signal === 'SIGKILL';
}

/** One insert a user, and no state of a user logged twice in a row. */
async function expectLog(home: Home): Promise<void> {
  const inserts = await home.rows(
    "select count(*) as n, count(distinct user_id) as users from user_changes where op = 'insert'",
  );
  const rows = await home.rows('select count(*) as n, count(distinct user_id) as users from users');
  expect(inserts).toEqual(rows);
  expect(inserts[0]?.n).toBe(inserts[0]?.users);
  const again = await home.rows(
    `select user_id, seq from (select *, lag(fingerprint) over (partition by user_id order by seq) as before from user_changes)
     where fingerprint = before and op <> 'delete'`,
  );
  expect(again).toEqual([]);
}

describe('a sync that is killed', () => {
  test('at 36 random moments of one scan loses nothing, doubles nothing and reads at most two pages again each time', async () => {
    await seeded(async (random) => {
      const api = await start({ users: 8000, seed: 21 });
      smallPages(api);
      api.faults.add({ when: isPage, answer: { kind: 'slow', ms: 4 }, times: Number.POSITIVE_INFINITY });
      const home = makeHome(api);
      let kills = 0;
      while (kills < 36) {
        const since = api.log.length;
        const pages = 1 + Math.floor(random() * 2);
        const killed = await killAfter(home, () => pagesAsked(api, since).length >= pages, random() * 25);
        expect(killed, `${kills} kills were possible before the scan ended`).toBe(true);
        kills += 1;
      }
      const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
      expect(status).toMatchObject({ users: 0, open_scan: { kind: 'sync' } });

      expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 8000 });
      const asked = pagesAsked(api);
      expect(new Set(asked).size).toBe(80);
      expect(asked.length).toBeLessThanOrEqual(80 + 2 * kills);
      await expectTable(home);
      await expectLog(home);
      const runs = await home.rows('select outcome, count(*) as n from sync_runs group by outcome order by outcome');
      expect(runs[0]).toEqual({ outcome: 'interrupted', n: expect.any(Number) });
      expect(runs[1]).toEqual({ outcome: 'ok', n: 1 });
    });
  }, 60_000);

  test('at 16 random moments after its last page was read applies each batch once', async () => {
    await seeded(async (random) => {
      const api = await start({ users: 2500, seed: 22 });
      const home = makeHome(api);
      const lastPage = (since: number): boolean =>
        api.log.slice(since).filter(({ path, status }) => path.startsWith('/users?') && status === 200).length === 3;
      // DuckDB writes its log when it commits, so that the batch and the ledger are between two states from here on.
      const commits = (since: number): boolean => lastPage(since) && existsSync(`${home.warehouse}.wal`);
      let kills = 0;
      for (let round = 0; round < 16; round += 1) {
        const since = api.log.length;
        for (const user of api.world.users().slice(round * 50, round * 50 + 1500)) {
          api.world.rename(user.id, `${user.id} in round ${round}`);
        }
        const early = round % 2 === 0;
        const ready = (): boolean => (early ? lastPage(since) : commits(since));
        kills += (await killAfter(home, ready, random() * (early ? 300 : 25))) ? 1 : 0;
      }
      expect(kills).toBeGreaterThan(0);
      expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 2500 });
      await expectTable(home);
      await expectLog(home);
      expect(await home.sync()).toMatchObject({ outcome: 'ok', batches: 0, statements: 0 });
    });
  }, 60_000);
});
