import { describe, expect, test } from 'vitest';
import { checkWarehouse } from '../../src/warehouses/bigquery-check.ts';
import { asking } from '../peers/bigquery/faults.ts';
import type { PeerOptions } from '../peers/bigquery/inserts.ts';
import { type Bench, makeBench, ownPeer } from '../support/bigquery.ts';

const context = (bench: Bench) => ({ scratch: '.', signal: bench.signal.signal, waiting: () => undefined });

describe('`rollcall check` of a dataset', () => {
  const check = async (options: PeerOptions, changes: Record<string, unknown> = {}) => {
    const bench = await makeBench(await ownPeer(options), changes);
    return { bench, found: checkWarehouse(bench.options, context(bench)) };
  };

  test('makes the dataset, tries everything, and leaves nothing behind', async () => {
    const { bench, found } = await check({}, { location: 'EU' });
    expect(await found).toEqual([
      expect.stringMatching(/was made in EU/),
      expect.stringMatching(/made, loaded, changed in a transaction, read and dropped/),
      expect.stringMatching(/roles\/bigquery\.jobUser on the project, roles\/bigquery\.dataEditor on the dataset/),
    ]);
    expect(await bench.rows(`select * from duckdb_tables() where schema_name like '%crew%'`)).toEqual([]);
  });

  test.each([
    [{ denied: ['bigquery.datasets.create'] }, /make the dataset.*roles\/bigquery\.user on project acme-project/],
    [{ denied: ['bigquery.tables.create'] }, /roles\/bigquery\.dataEditor on dataset acme-project\.crew/],
    [{ denied: ['bigquery.jobs.create'] }, /roles\/bigquery\.jobUser on project acme-project/],
    [{ sandbox: true }, /a sandbox.*no DML.*enable billing/],
  ])('names what is missing: %j', async (options, words) => {
    const { found } = await check(options);
    await expect(found).rejects.toMatchObject({ kind: 'permission', message: expect.stringMatching(words) });
  });

  test('tries the dataset of the tables also where another one is for staging', async () => {
    const { bench, found } = await check({}, { staging_dataset: 'waiting_room' });
    expect((await found).slice(0, 2)).toEqual([
      expect.stringMatching(/crew_\d+ was made/),
      expect.stringMatching(/waiting_room was made/),
    ]);
    const loaded = [...bench.peer.jobs.values()].map(({ configuration }) => configuration.load?.destinationTable);
    const datasets = loaded.flatMap((table) => (table === undefined ? [] : [table.datasetId]));
    expect(datasets).toEqual([bench.options.dataset, 'waiting_room']);
  });

  test('names the dataset that a role is missing on', async () => {
    const { bench, found } = await check({}, { staging_dataset: 'waiting_room' });
    const message = 'Access Denied: Table acme-project:waiting_room.rollcall_stage_check: Permission denied';
    bench.peer.faults.push({
      where: asking('POST', /waiting_room\/tables/),
      does: { kind: 'answer', status: 403, reason: 'accessDenied', message },
    });
    await expect(found).rejects.toThrow(/roles\/bigquery\.dataEditor on dataset acme-project\.waiting_room/);
  });

  test('says how to switch BigQuery on where a project does not have it', async () => {
    const bench = await makeBench(await ownPeer());
    const message =
      'BigQuery API has not been used in project 12 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/bigquery.googleapis.com/overview?project=12 then retry.';
    const does = { kind: 'answer', status: 403, reason: 'accessNotConfigured', message } as const;
    bench.peer.faults.push({ where: () => true, does });
    const found = checkWarehouse(bench.options, context(bench));
    const words = /gcloud services enable bigquery\.googleapis\.com --project acme-project/;
    await expect(found).rejects.toMatchObject({ kind: 'permission', message: expect.stringMatching(words) });
    await expect(found).rejects.not.toThrow(/roles\//);
  });

  test.each([
    ['GET', "Invalid project ID 'Acme'. Project IDs must contain 6-63 lowercase letters, digits, or dashes."],
    ['POST', 'Invalid value for location: europe-west33 is not a valid value'],
  ])('says which settings to look at where BigQuery does not take one (%s)', async (method, message) => {
    const bench = await makeBench(await ownPeer());
    const does = { kind: 'answer', status: 400, reason: 'invalid', message } as const;
    bench.peer.faults.push({ where: asking(method, /^\/datasets/), does });
    const words = /warehouse\.project, warehouse\.dataset and warehouse\.location/;
    const found = checkWarehouse(bench.options, context(bench));
    await expect(found).rejects.toMatchObject({ kind: 'config', message: expect.stringMatching(words) });
  });

  test('says that a token is refused', async () => {
    const bench = await makeBench(await ownPeer(), { token: 'wrong' });
    await expect(checkWarehouse(bench.options, context(bench))).rejects.toMatchObject({ kind: 'auth' });
  });
});
