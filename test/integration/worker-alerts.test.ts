import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sendForgotten } from '../../jobs/alerts.ts';
import { deskOf } from '../../jobs/desk.ts';
import type { RunData } from '../../jobs/requests.ts';
import { checkFreshness } from '../../jobs/stale.ts';
import type { Home, Row } from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { configOfHome, type OwnWorker, ownWorker } from '../support/queues.ts';
import { eventually, workerHome } from '../support/workers.ts';

const asked: RunData = {
  connection: 'support',
  kind: 'sync',
  trigger: 'enqueue',
  scheduled_at: null,
  allow_deletes: false,
};

/** A webhook that answers as it is told, 200 after that. */
interface Webhook {
  readonly url: string;
  readonly received: Row[];
  readonly answers: number[];
  /** What its next answers wait for. */
  readonly holds: Promise<void>[];
  close(): void;
}

async function webhook(): Promise<Webhook> {
  const received: Row[] = [];
  const answers: number[] = [];
  const holds: Promise<void>[] = [];
  const server: Server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    request.on('end', async () => {
      received.push(JSON.parse(text) as Row);
      await holds.shift();
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}/hooks/secret-of-the-hook`, received, answers, holds, close };
}

const open: { close(): unknown }[] = [];

beforeEach(() => {
  // Backoffs are as short as they can be.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function begin(home: Home): Promise<OwnWorker> {
  const worker = await ownWorker(await configOfHome(home));
  open.push({ close: () => worker.stop() });
  return worker;
}

async function scene(settings: readonly string[] = [], general: readonly string[] = []) {
  const hook = await webhook();
  open.push(hook);
  const api = await start({ users: 60, seed: 1 });
  const home = workerHome(api, {
    settings,
    general: [`alerts: { webhook: "${hook.url}", stale_after: 2 }`, ...general],
  });
  return { hook, api, home };
}

async function runOnce(worker: OwnWorker): Promise<void> {
  const before = worker.told('run ended').length;
  await deskOf(worker.shop.runs).enqueue(asked);
  await eventually(() => worker.told('run ended').length > before, 'the run ends');
}

describe('alerts', () => {
  test('tell of a failure once, however often it fails, and of the recovery', async () => {
    const { hook, api, home } = await scene();
    const worker = await begin(home);
    const fault = api.faults.add({
      when: { path: '/me' },
      answer: { kind: 'status', status: 401 },
      times: Number.POSITIVE_INFINITY,
    });
    await runOnce(worker);
    await runOnce(worker);
    await eventually(() => hook.received.length > 0, 'the webhook hears of it');
    expect(hook.received).toMatchObject([
      {
        id: 'support:failed',
        connection: 'support',
        source: 'pylon',
        state: 'failed',
        last_ok_at: null,
        run: { kind: 'sync', outcome: 'failed', trigger: 'enqueue', error: { kind: 'auth', retryable: false } },
      },
    ]);
    expect(String(hook.received[0]?.text)).toMatch(/^Rollcall: support failed: /);
    fault.remove();
    await runOnce(worker);
    await eventually(() => hook.received.length > 1, 'the webhook hears of the recovery');
    await runOnce(worker);
    expect(hook.received.map(({ id }) => id)).toEqual(['support:failed', 'support:recovered']);
    const said = JSON.stringify(hook.received) + JSON.stringify(worker.said);
    expect(said).not.toContain(api.token);
    expect(said).not.toContain('secret-of-the-hook');
  });

  test('tell of a run that a guard refused', async () => {
    const { hook, api, home } = await scene();
    const worker = await begin(home);
    await runOnce(worker);
    for (const user of api.world.users('listed').slice(0, 40)) api.world.remove(user.id);
    await runOnce(worker);
    await eventually(() => hook.received.length > 0, 'the webhook hears of it');
    expect(hook.received).toMatchObject([
      { id: 'support:refused', state: 'refused', run: { outcome: 'refused', error: { kind: 'refused' } } },
    ]);
  });

  test('are sent until they are taken, also by the worker that comes next, and not again', async () => {
    const { hook, api, home } = await scene();
    hook.answers.push(500, 302);
    api.faults.add({ when: { path: '/me' }, answer: { kind: 'status', status: 401 }, times: Number.POSITIVE_INFINITY });
    const first = await begin(home);
    await runOnce(first);
    await eventually(() => hook.received.length > 0, 'the webhook is asked');
    open.pop();
    await first.stop();
    const second = await begin(home);
    await eventually(() => hook.received.length >= 3, 'it is taken at the third time');
    expect(new Set(hook.received.map((body) => JSON.stringify(body))).size).toBe(1);
    await runOnce(second);
    expect(await second.shop.alerts.getJobCounts('active', 'waiting', 'delayed', 'completed')).toEqual({
      active: 0,
      waiting: 0,
      delayed: 0,
      completed: 0,
    });
    expect(hook.received).toHaveLength(3);
  });

  test('arrive in the order of what happened, also where the first was not taken at once', async () => {
    const { hook, api, home } = await scene();
    hook.answers.push(500, 500);
    const fault = api.faults.add({ when: { path: '/me' }, answer: { kind: 'status', status: 401 }, times: 1 });
    const worker = await begin(home);
    await runOnce(worker);
    await eventually(() => hook.received.length === 1, 'the webhook is asked');
    expect(fault.fired()).toBe(1);
    await runOnce(worker);
    await eventually(() => hook.received.length >= 4, 'both are taken');
    expect(hook.received.map(({ id }) => id)).toEqual([
      'support:failed',
      'support:failed',
      'support:failed',
      'support:recovered',
    ]);
  });

  test('that the webhook was taking when the worker was told to stop are not sent again', async () => {
    const { hook, api, home } = await scene();
    const answer = Promise.withResolvers<void>();
    hook.holds.push(answer.promise);
    api.faults.add({ when: { path: '/me' }, answer: { kind: 'status', status: 401 }, times: Number.POSITIVE_INFINITY });
    const first = await begin(home);
    await runOnce(first);
    await eventually(() => hook.received.length > 0, 'the webhook is asked');
    open.pop();
    const stopped = first.stop();
    answer.resolve();
    expect(await stopped).toBe(true);
    const second = await begin(home);
    await runOnce(second);
    await sendForgotten({ ...second.shop, tools: { ...second.shop.tools, now: () => Date.now() + 60_000 } });
    expect(await second.shop.alerts.getJobCounts('active', 'waiting', 'delayed')).toEqual({
      active: 0,
      waiting: 0,
      delayed: 0,
    });
    expect(hook.received).toHaveLength(1);
  });

  test('are sent by who finds them, where their worker died before they were on their way', async () => {
    const { hook, api, home } = await scene();
    api.faults.add({ when: { path: '/me' }, answer: { kind: 'status', status: 401 }, times: Number.POSITIVE_INFINITY });
    const worker = await begin(home);
    await worker.shop.alerts.pause();
    await runOnce(worker);
    await worker.shop.alerts.obliterate({ force: true });
    await worker.shop.alerts.resume();
    await sendForgotten({ ...worker.shop, tools: { ...worker.shop.tools, now: () => Date.now() + 60_000 } });
    await eventually(() => hook.received.length > 0, 'the webhook hears of it');
    expect(hook.received).toMatchObject([{ id: 'support:failed' }]);
  });

  test('tell of a connection without an ok run for too many intervals, once, and not of a paused one', async () => {
    const { hook, home } = await scene(['schedule: "0 * * * *"']);
    const worker = await begin(home);
    await runOnce(worker);
    const { shop } = worker;
    const later = (hours: number) => ({ ...shop, tools: { ...shop.tools, now: () => Date.now() + hours * 3600_000 } });
    await checkFreshness(later(1));
    expect(hook.received).toEqual([]);
    await shop.facts.setPaused('support', 'now');
    await checkFreshness(later(4));
    await shop.facts.setPaused('support', null);
    expect(worker.said.filter(({ facts }) => facts.state === 'stale')).toEqual([]);
    await checkFreshness(later(4));
    await checkFreshness(later(5));
    await eventually(() => hook.received.length > 0, 'the webhook hears of it');
    expect(hook.received).toMatchObject([
      { id: 'support:stale', state: 'stale', run: null, last_ok_at: expect.any(String) },
    ]);
    await runOnce(worker);
    await eventually(() => hook.received.length > 1, 'the webhook hears of the recovery');
    expect(hook.received.map(({ id }) => id)).toEqual(['support:stale', 'support:recovered']);
  });

  test('are not raised by a connection that somebody else runs, nor by a run by hand that was ok', async () => {
    const { hook, home } = await scene(['schedule: "0 * * * *"']);
    const worker = await begin(home);
    expect((await home.run(['sync'])).code).toBe(0);
    const { shop } = worker;
    const release = shop.tools.lease('support');
    await deskOf(shop.runs).enqueue(asked);
    await eventually(() => worker.told('parked').length > 0, 'the run waits for the lease');
    release();
    await eventually(() => worker.told('run ended').length > 0, 'the run is made when the lease is free');
    expect(hook.received).toEqual([]);
  });
});
