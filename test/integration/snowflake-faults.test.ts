import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { snowflake } from '../../src/warehouses/snowflake.ts';
import type { Peer } from '../peers/snowflake/state.ts';
import { LOADER, optionsTo, peerOf, sentSince } from '../support/snowflake.ts';
import { type Desk, openDesk, recordedAt, upsert } from '../support/warehouses.ts';

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

const seqs = async (): Promise<unknown[]> => (await desk.rows('user_changes', 'seq')).map((row) => row.seq);

describe('a batch is applied once when', () => {
  const BATCH = [upsert('u1', { name: 'Ada' }), upsert('u2')];

  test('the answer of its COMMIT is lost', async () => {
    peer.faults.add({ when: /^COMMIT/, trouble: { kind: 'drop' } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1, 1]);
  });

  test('the answer of its COMMIT never comes, and a new session meets the fence', async () => {
    const { logins } = peer.counted;
    peer.faults.add({ when: /^COMMIT/, trouble: { kind: 'drop' } });
    peer.faults.add({ when: /^COMMIT/, trouble: { kind: 'gone' } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'fenced' });
    expect(peer.counted.logins).toBe(logins + 1);
    expect(await desk.state()).toMatchObject({ seq: 1, epoch: 'e1' });
    expect(await seqs()).toEqual([1, 1]);
  });

  test('the session is gone in the middle of its transaction', async () => {
    peer.faults.add({ when: /insert into .*"USER_CHANGES"/is, trouble: { kind: 'gone' } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1, 1]);
    expect(peer.sessions()).toBe(1);
  });

  test.each([/^CREATE OR REPLACE TRANSIENT/, /^COPY/, /^BEGIN/])(
    'the session is gone at %s, and only the status of the answer says so',
    async (when) => {
      peer.faults.add({ when, trouble: { kind: 'gone', status: 401 } });
      expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
      expect(await seqs()).toEqual([1, 1]);
    },
  );

  test.each([/^merge/i, /^COMMIT/, /^COPY/])('a gateway’s page stands in for the answer to %s', async (when) => {
    peer.faults.add({ when, trouble: { kind: 'page' } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1, 1]);
  });

  test('the session’s token expires in it: the driver renews it and the transaction goes on', async () => {
    peer.faults.add({ when: /^merge/i, trouble: { kind: 'expired' } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(peer.counted.renewals).toBe(1);
    expect(await seqs()).toEqual([1, 1]);
  });

  test('a gateway answers 503 for a while', async () => {
    peer.faults.add({ when: /^merge/i, trouble: { kind: 'status', status: 503 } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1, 1]);
  });

  test('too many others wait for the same table', async () => {
    const crowded = {
      kind: 'refuse',
      code: '000625',
      message: 'the number of waiters for this lock exceeds the 20 statement limit',
    } as const;
    peer.faults.add({ when: /^update .*ROLLCALL_STATE/i, trouble: crowded, times: 2 });
    const since = peer.log.length;
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(sentSince(peer, since).filter((words) => words === 'ROLLBACK')).toHaveLength(2);
    expect(await seqs()).toEqual([1, 1]);
  });

  test('the virtual warehouse takes its time to resume', async () => {
    peer.faults.add({ when: /^COPY/, trouble: { kind: 'slow', polls: 3 } });
    peer.faults.add({ when: /^merge/i, trouble: { kind: 'slow', polls: 3 } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1, 1]);
  });

  test('the answer of its COPY is lost', async () => {
    peer.faults.add({ when: /^COPY/, trouble: { kind: 'drop' } });
    peer.faults.add({ when: /^COPY/, trouble: { kind: 'gone' } });
    expect(await desk.apply(BATCH)).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1, 1]);
  });
});

test('being asked to stop while others keep it from a table is no error', async () => {
  const stop = new AbortController();
  const options = snowflake.options.parse({ ...optionsTo(peer.url), password: LOADER.password });
  const context = { scratch: folder, signal: stop.signal, waiting: () => stop.abort() };
  const session = await snowflake.open(options, 'write', context);
  const crowded = { kind: 'refuse', code: '000625', message: 'too many waiters' } as const;
  peer.faults.add({ when: /^DROP TABLE/, trouble: crowded });
  await expect(session?.unstage(desk.d.table('stage_e1_1_aa'))).rejects.toMatchObject({ name: 'AbortError' });
  await session?.close();
});

describe('a transaction', () => {
  test('that meets a gateway’s page again and again is no wrong config', async () => {
    peer.faults.add({ when: /^merge/i, trouble: { kind: 'page' }, times: 2 });
    await expect(desk.apply([upsert('u1')])).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/something that is no answer of Snowflake's.*run again/),
    });
    expect(await desk.apply([upsert('u1')])).toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1]);
  });

  test('is rolled back after an error, and nothing of it is left', async () => {
    const since = peer.log.length;
    peer.faults.add({
      when: /^merge/i,
      trouble: { kind: 'refuse', code: '100090', message: 'Duplicate row detected during DML action' },
    });
    await expect(desk.apply([upsert('u1')])).rejects.toMatchObject({
      kind: 'bug',
      message: expect.stringMatching(/Duplicate row.*\(100090\)/),
    });
    expect(sentSince(peer, since).at(-1)).toBe('ROLLBACK');
    expect(await seqs()).toEqual([]);
    expect(await desk.apply([upsert('u1')])).toMatchObject({ result: 'done' });
  });

  test('of a session that cannot be rolled back is given up with the session', async () => {
    peer.faults.add({
      when: /^merge/i,
      trouble: { kind: 'refuse', code: '000603', message: 'Processing aborted by error 300010' },
    });
    peer.faults.add({ when: /^ROLLBACK/, trouble: { kind: 'gone' } });
    await expect(desk.apply([upsert('u1')])).resolves.toMatchObject({ result: 'done' });
    expect(await seqs()).toEqual([1]);
  });

  test('never meets a user twice in its MERGE, whatever the batch repeats', async () => {
    await desk.apply([upsert('u1', { name: 'A' })]);
    const { result } = await desk.apply([upsert('u1', { name: 'B' }), upsert('u1', { name: 'C' })]);
    expect(result).toBe('done');
    expect(await desk.rows('users', 'user_id')).toMatchObject([{ name: 'C', changed_at: recordedAt(2) }]);
  });

  test('waits for one that changes the same table, and then sees what that one did', async () => {
    const other = await openDesk(snowflake, { ...optionsTo(peer.url), password: LOADER.password });
    const first = desk.apply([upsert('u1', { name: 'one' })]);
    const second = other.apply([upsert('u1', { name: 'other' })], { seq: 1 });
    expect([(await first).result, (await second).result].toSorted()).toEqual(['done', 'fenced']);
    expect(await seqs()).toEqual([1]);
  });
});
