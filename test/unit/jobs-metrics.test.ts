import { describe, expect, test } from 'vitest';
import { makeMetrics } from '../../jobs/metrics.ts';
import type { Usage } from '../../src/contract/run.ts';
import { runOf } from '../support/journal.ts';

const metrics = () => makeMetrics({ freshness: async () => new Map(), jobs: async () => ({}) });

const USAGE: Usage = { rows: 10, bytes: 20, bytes_billed: 10_485_760, slot_ms: 1500, jobs: ['a', 'b'] };

describe('metrics of runs', () => {
  test('sum up what a warehouse that bills says it did', async () => {
    const { registry, ran } = metrics();
    for (const run_id of ['r1', 'r2']) ran(runOf(run_id, '2026-11-01T08:00:00Z', { connection: 'crew', usage: USAGE }));
    const text = await registry.metrics();
    expect(text).toContain('rollcall_warehouse_billed_bytes_total{connection="crew"} 20971520');
    expect(text).toContain('rollcall_warehouse_slot_seconds_total{connection="crew"} 3');
    expect(text).toContain('rollcall_warehouse_jobs_total{connection="crew"} 4');
  });

  test('say nothing of bytes where the warehouse bills none', async () => {
    const { registry, ran } = metrics();
    ran(runOf('r1', '2026-11-01T08:00:00Z', { connection: 'crew', usage: null }));
    expect(await registry.metrics()).not.toContain('rollcall_warehouse_billed_bytes_total{');
  });
});
