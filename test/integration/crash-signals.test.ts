import { describe, expect, test } from 'vitest';
import { expectTable, type Home, isPage, makeHome, pagesAsked, smallPages, synced, until } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** A home whose listing has twelve pages, each of them some ms late. */
async function slowHome(ms: number): Promise<Home> {
  const api = await start({ users: 1150, seed: 4 });
  smallPages(api);
  api.faults.add({ when: isPage, answer: { kind: 'slow', ms }, times: Number.POSITIVE_INFINITY });
  return makeHome(api);
}

describe('a sync that is asked to stop in mid-scan', () => {
  test.each([
    { signal: 'SIGTERM', code: 143 },
    { signal: 'SIGINT', code: 130 },
  ] as const)('ends with $code on $signal, and the next run goes on at its page', async ({ signal, code }) => {
    const home = await slowHome(60);
    const { api } = home;
    const { child, ended } = home.start(['sync', '--json']);
    await until(() => pagesAsked(api).length >= 4, 'the fourth page is asked for');
    const asked = performance.now();
    child.kill(signal);
    const stopped = synced(await ended);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(stopped).toMatchObject({ code, outcome: 'interrupted' });
    expect(stopped.error).toBeUndefined();
    const before = pagesAsked(api);
    expect(before.length).toBeLessThan(12);

    const since = api.log.length;
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 1150 });
    const after = pagesAsked(api, since);
    expect(before.slice(-2)).toContain(after[0]);
    expect(new Set([...before, ...after]).size).toBe(12);
    expect(before.length + after.length).toBeLessThanOrEqual(12 + 2);
    await expectTable(home);
    const runs = await home.rows('select run_id, outcome from sync_runs order by started_at');
    expect(runs.map((run) => run.outcome)).toEqual(['interrupted', 'ok']);
    expect(runs[0]?.run_id).toBe(stopped.run_id);
  });

  test('ends at once on a second signal, and the next run ends right', async () => {
    const api = await start({ users: 1150, seed: 4 });
    smallPages(api);
    const home = makeHome(api);
    await home.sync();
    api.world.add({ name: 'Late Comer' });
    // A process that is stopped by the system handles both signals only when it goes on, so that both are waiting for it.
    const { child, ended, stderr } = home.start(['sync', '--json']);
    const since = api.log.length;
    await until(() => pagesAsked(api, since).length >= 2, 'the second page is asked for');
    child.kill('SIGSTOP');
    child.kill('SIGTERM');
    child.kill('SIGINT');
    child.kill('SIGCONT');
    const { code, stdout } = await ended;
    expect([130, 143]).toContain(code);
    expect(stderr()).toMatch(/once more \(SIG(TERM|INT)\) stops at once/);
    expect(stdout).toBe('');
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 1 });
    await expectTable(home);
  });
});
