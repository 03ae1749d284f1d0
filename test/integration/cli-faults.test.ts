import { describe, expect, test } from 'vitest';
import { type Fault, type FaultAnswer, ODD_ANSWERS } from '../../src/demo/pylon/faults.ts';
import {
  expectTable,
  type Home,
  isLaterPage,
  isPage,
  json,
  makeHome,
  pagesAsked,
  type Row,
  smallPages,
} from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** A home whose first sync is done and whose API has changed since: four pages, one user new, one renamed. */
async function changedHome(): Promise<Home> {
  const api = await start({ users: 340, seed: 6 });
  smallPages(api);
  const home = makeHome(api);
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok' });
  api.world.add({ name: 'Nadia New' });
  api.world.rename(api.world.users()[7]?.id ?? '', 'Robin Renamed');
  return home;
}

const everything = (home: Home): Promise<Row[][]> =>
  Promise.all([
    home.rows('select * from users order by user_id'),
    home.rows('select * from user_changes order by user_id, seq'),
  ]);

/** The next run, with the fault gone, brings exactly what changed. */
async function expectRecovery(home: Home): Promise<void> {
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 1, updated: 1, deleted: 0 });
  await expectTable(home);
  expect(await home.rows('select op, count(*) as n from user_changes group by op order by op')).toEqual([
    { op: 'insert', n: 341 },
    { op: 'update', n: 1 },
  ]);
}

const later = (answer: FaultAnswer): Fault => ({ when: isLaterPage, answer, times: Number.POSITIVE_INFINITY });
const once = (answer: FaultAnswer, times = 1): Fault => ({ when: isLaterPage, answer, times });

describe('a listing that stays wrong', () => {
  test.each([
    { what: 'repeats its cursor', fault: later({ kind: 'repeat_cursor' }), kind: 'bad-data', says: /same cursor/ },
    { what: 'does not end', fault: later({ kind: 'endless', users: 'same' }), kind: 'bad-data', says: /does not end/ },
    {
      what: 'has no data though more follows',
      fault: later({ kind: 'without_data' }),
      kind: 'bad-data',
      says: /without its list "data"/,
    },
    { what: 'is cut short', fault: later({ kind: 'cut' }), kind: 'transient', says: /not valid JSON|cut short/ },
    { what: 'is a page of HTML', fault: later(ODD_ANSWERS.html), kind: 'transient', says: /proxy or gateway/ },
    { what: 'is empty', fault: later(ODD_ANSWERS.empty), kind: 'transient', says: /no body/ },
    { what: 'is answered 204', fault: later(ODD_ANSWERS.noContent), kind: 'transient', says: /no body/ },
    { what: 'is null', fault: later(ODD_ANSWERS.null), kind: 'transient', says: /null/ },
    { what: 'is an object of errors', fault: later(ODD_ANSWERS.errors), kind: 'bad-data', says: /errors/ },
    {
      what: 'is answered 500 again and again',
      fault: later({ kind: 'status', status: 500 }),
      kind: 'transient',
      says: /500/,
    },
    {
      what: 'is answered by a gateway with 502',
      fault: later(ODD_ANSWERS.badGateway),
      kind: 'transient',
      says: /502 by a proxy or gateway/,
    },
    {
      what: 'is reset again and again',
      fault: later({ kind: 'reset', part: 0.5 }),
      kind: 'transient',
      says: /broke off/,
    },
  ])('$what: the run fails and says so, and the tables stay as they were', async ({ fault, kind, says }) => {
    const home = await changedHome();
    const before = await everything(home);
    const added = home.api.faults.add(fault);
    const run = await home.sync();
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind, retryable: kind !== 'bad-data' } });
    expect(run.error?.message).toMatch(says);
    expect(run.error?.message).toContain('support');
    expect(run.error?.message).not.toMatch(/\n|<html/);
    expect(added.fired()).toBeGreaterThan(0);
    expect(await everything(home)).toEqual(before);
    added.remove();
    await expectRecovery(home);
  });

  test('says that more pages follow behind a first page alone, and is not believed', async () => {
    const home = await changedHome();
    const added = home.api.faults.add({
      when: isPage,
      answer: { kind: 'repeat_cursor' },
      times: Number.POSITIVE_INFINITY,
    });
    expect(await home.sync()).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'bad-data' } });
    added.remove();
    await expectRecovery(home);
  });
});

describe('short trouble', () => {
  test.each([
    { what: 'two pages without data', fault: once({ kind: 'without_data' }, 2), retries: 2 },
    { what: 'a page that is cut short', fault: once({ kind: 'cut' }), retries: 1 },
    { what: 'a storm of 500', fault: once({ kind: 'status', status: 500 }, 4), retries: 4 },
    { what: 'a reset in the middle of an answer', fault: once({ kind: 'reset', part: 0.6 }), retries: 1 },
    { what: 'a reset before the answer', fault: once({ kind: 'reset' }), retries: 1 },
    { what: 'a page of HTML', fault: once(ODD_ANSWERS.html), retries: 1 },
    { what: '429 without a time', fault: once({ kind: 'status', status: 429 }), retries: 1 },
  ])('$what is sat out within the run', async ({ fault, retries }) => {
    const home = await changedHome();
    const since = home.api.log.length;
    const added = home.api.faults.add(fault);
    const run = await home.sync();
    expect(added.fired()).toBe(retries);
    expect(run).toMatchObject({ code: 0, outcome: 'ok', inserted: 1, updated: 1, deleted: 0, retries });
    expect(run.requests).toBe(home.api.log.length - since);
    await expectTable(home);
  });
});

describe('a rate limit', () => {
  const limited = (seconds: string): Fault =>
    once({ kind: 'status', status: 429, headers: { 'x-retry-after': seconds } });

  test('of a second is waited for, counted, and asked about no earlier', async () => {
    const home = await changedHome();
    home.api.faults.add(limited('1'));
    const run = await home.sync();
    expect(run).toMatchObject({ code: 0, outcome: 'ok', inserted: 1, updated: 1, retries: 1 });
    expect(run.waited_ms).toBeGreaterThanOrEqual(950);
    const refused = home.api.log.findIndex(({ status }) => status === 429);
    const [before, after] = home.api.log.slice(refused, refused + 2);
    expect((after?.at ?? 0) - (before?.at ?? 0)).toBeGreaterThanOrEqual(950);
    await expectTable(home);
  });

  test('of ten minutes ends the run at once, keeps the scan, and the next run goes on where it was', async () => {
    const home = await changedHome();
    const before = await everything(home);
    const since = home.api.log.length;
    home.api.faults.add({ ...limited('600'), when: (request) => isLaterPage(request) && request.nth >= 4 });
    const run = await home.sync();
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'rate-limited', retryable: true } });
    expect(run.error?.message).toMatch(/600 s.*scan stays open/);
    expect(run.duration_ms).toBeLessThan(5000);
    const asked = pagesAsked(home.api, since);
    expect(await everything(home)).toEqual(before);
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({ open_scan: { kind: 'sync', pages: asked.length - 1 } });

    const next = home.api.log.length;
    await expectRecovery(home);
    expect(pagesAsked(home.api, next)[0]).toBe(asked.at(-1));
  });
});

describe('a cursor that the server refuses', () => {
  test.each([400, 404, 410])('with %i restarts the scan within the run', async (status) => {
    const home = await changedHome();
    const since = home.api.log.length;
    home.api.faults.add({
      when: (request) => isLaterPage(request) && request.nth >= 4,
      answer: { kind: 'status', status },
    });
    const run = await home.sync();
    expect(run).toMatchObject({ code: 0, outcome: 'ok', seen: 341, inserted: 1, updated: 1, deleted: 0 });
    expect(pagesAsked(home.api, since).filter((cursor) => cursor === '')).toHaveLength(2);
    await expectTable(home);
  });

  test('every time ends the run after a few restarts', async () => {
    const home = await changedHome();
    const before = await everything(home);
    const since = home.api.log.length;
    const added = home.api.faults.add(later({ kind: 'status', status: 400 }));
    expect(await home.sync()).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'bad-data' } });
    expect(pagesAsked(home.api, since).filter((cursor) => cursor === '').length).toBeLessThanOrEqual(6);
    expect(await everything(home)).toEqual(before);
    added.remove();
    await expectRecovery(home);
  });
});
