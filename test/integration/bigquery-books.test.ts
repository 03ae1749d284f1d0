import { beforeEach, expect, test, vi } from 'vitest';
import { change, expectOk, makeStage } from '../support/stage.ts';

beforeEach(() => {
  vi.stubEnv('ROLLCALL_TEST_WAREHOUSE', 'bigquery');
});

test('after books that did not balance an unchanged run asks for nothing that costs', async () => {
  const stage = makeStage();
  expectOk(await stage.sync());
  // The number of all rows tells nothing of one too many: only whoever applies something counts them.
  await stage.engine.tamper("insert into users select * from users where user_id = 'u1'");
  change(stage.world, 'u2', { name: 'Renamed' });
  const run = await stage.sync();
  expect(run).toMatchObject({
    outcome: 'ok',
    warnings: [expect.stringMatching(/did not balance/), expect.any(String)],
  });
  expect((await stage.sync()).counts.statements).toBe(0);
});
