import { beforeEach, describe, expect, test, vi } from 'vitest';
import { expectOk, makeStage, type Stage } from '../support/stage.ts';

/** What another host writes at the same instant: its transaction does not see ours, as ours does not see it. */
const CLAIM = "insert into rollcall_state select 'crew', 'another', 0, '', '1.1.x', '', now()";

const owners = async (stage: Stage): Promise<unknown[]> =>
  (await stage.query('select epoch from rollcall_state order by epoch')).map((row) => row.epoch);

/** A run during which another host claims the connection, just after this one did. */
async function raced(stage: Stage): Promise<Awaited<ReturnType<Stage['run']>>> {
  let claimed = false;
  return stage.run({
    pause: async (point) => {
      if (point !== 'after transact' || claimed) return;
      claimed = true;
      await stage.engine.tamper(CLAIM);
    },
  });
}

describe('two hosts that claim a new connection at the same instant, where inserts do not conflict', () => {
  beforeEach(() => {
    vi.stubEnv('ROLLCALL_TEST_WAREHOUSE', 'bigquery');
  });

  test('the one that sees the other steps back and loads nothing', async () => {
    const stage = makeStage();
    const { run } = await raced(stage);
    expect(run).toMatchObject({ outcome: 'failed', error: { kind: 'busy', retryable: true } });
    expect(await owners(stage)).toEqual(['another']);
    expect(await stage.query('select count(*) as n from users')).toEqual([{ n: 0 }]);
  });

  test('a later run takes the connection over from whoever has it then', async () => {
    const stage = makeStage();
    await raced(stage);
    expectOk(await stage.sync());
    expect(await owners(stage)).toHaveLength(1);
    expect(await owners(stage)).not.toEqual(['another']);
    expect(await stage.query('select count(*) as n from users')).toEqual([{ n: 12 }]);
  });

  test('where both stepped back, the next one has it alone', async () => {
    const stage = makeStage();
    await raced(stage);
    await stage.engine.tamper('delete from rollcall_state');
    expectOk(await stage.sync());
    expect(await owners(stage)).toHaveLength(1);
    expect((await stage.sync()).counts.statements).toBe(0);
  });
});
