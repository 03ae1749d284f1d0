import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import type { Access, OpenContext, Row, SealedFile, Session, Statement } from '../../src/contract/warehouse.ts';
import { layout } from '../../src/sql/ddl.ts';
import { bigquery } from '../../src/warehouses/bigquery.ts';
import { type Pace, REAL_PACE } from '../../src/warehouses/bigquery-client.ts';
import type { BigqueryOptions } from '../../src/warehouses/bigquery-options.ts';
import { openDataset } from '../../src/warehouses/bigquery-session.ts';
import type { PeerOptions } from '../peers/bigquery/inserts.ts';
import { type Peer, startPeer } from '../peers/bigquery/server.ts';

let shared: Promise<Peer> | null = null;
let datasets = 0;
const own: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of own.splice(0).reverse()) await stop();
});

afterAll(async () => {
  const peer = shared;
  shared = null;
  await (await peer)?.stop();
});

/** The peer that the tests of one file share; each has a dataset of its own. */
export function sharedPeer(): Promise<Peer> {
  shared ??= startPeer();
  return shared;
}

/** A peer of one test's own. */
export async function ownPeer(options: PeerOptions = {}): Promise<Peer> {
  const peer = await startPeer(options);
  own.push(() => peer.stop());
  return peer;
}

/** Options of a dataset in a peer that nobody else has, as they stand in the config. */
export function optionsIn(peer: Pick<Peer, 'url' | 'token'>): Record<string, unknown> {
  datasets += 1;
  return { project: 'acme-project', dataset: `crew_${datasets}`, api_endpoint: peer.url, token: peer.token };
}

/** Waits that are told of and not made. */
export interface Waits {
  readonly pace: Pace;
  readonly waited: { readonly ms: number; readonly reason: string }[];
}

/** A pace that waits for nothing but for jobs that are under way. */
export function noWaits(limit = REAL_PACE.limit): Waits {
  const waited: { ms: number; reason: string }[] = [];
  const pause: Pace['pause'] = async (_ms, signal) => {
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { pace: { limit, pause, random: () => 0.5 }, waited };
}

/** What a test of sessions works with. */
export interface Bench {
  readonly peer: Peer;
  readonly options: BigqueryOptions;
  readonly signal: AbortController;
  readonly waited: Waits['waited'];
  open(access?: Access): Promise<Session>;
  /** Makes the tables. */
  prepare(): Promise<void>;
  file(batch_id: string, lines: readonly Readonly<Record<string, string | null>>[]): SealedFile;
  /** Rows of a table, read behind the client's back. */
  rows(sql: string): Promise<Row[]>;
  table(name: string): string;
}

/** Sessions of a dataset in a peer, which wait for nothing. */
export async function makeBench(peer: Peer, changes: Record<string, unknown> = {}, limit?: number): Promise<Bench> {
  const options = bigquery.options.parse({ ...optionsIn(peer), ...changes });
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bigquery-'));
  own.push(() => rmSync(folder, { recursive: true, force: true }));
  const signal = new AbortController();
  const { pace, waited } = noWaits(limit);
  const context: OpenContext = {
    scratch: folder,
    signal: signal.signal,
    waiting: (ms, reason) => waited.push({ ms, reason }),
  };
  const open = async (access: Access = 'write'): Promise<Session> => {
    const opened = await openDataset(options, access, context, pace);
    if (opened === null) throw new Error('there is no dataset');
    return opened.session;
  };
  const dialect = bigquery.dialect(options);
  return {
    peer,
    options,
    signal,
    waited,
    open,
    prepare: async () => (await open()).run(layout(dialect, 'plain', [])),
    file: (batch_id, lines) => {
      const texts = lines.map((line, i) => `${JSON.stringify({ n: String(i + 1), ...line })}\n`);
      const path = join(folder, `${batch_id}.ndjson`);
      writeFileSync(path, texts.join(''));
      return { batch_id, path, lines: lines.length, bytes: Buffer.byteLength(texts.join('')), longest: 1000 };
    },
    rows: async (sql) => {
      const connection = await peer.store.connect();
      try {
        return (await connection.runAndReadAll(sql)).getRowObjects().map((row) => ({ ...row }));
      } finally {
        connection.closeSync();
      }
    },
    table: (name) => `"${options.project}.${options.dataset}"."${name}"`,
  };
}

/** A transaction that adds one row to `roles`, behind a fence on the connection's number. */
export function addRole(bench: Bench, seq: number, id = `e1-${seq}-aa`) {
  const { project, dataset } = bench.options;
  const of = (name: string): string => `\`${project}.${dataset}.${name}\``;
  const plain = (sql: string): Statement => ({ sql, params: [] });
  const fence = plain(`update ${of('rollcall_state')} set \`seq\` = ${seq} where \`seq\` = ${seq - 1}`);
  return { id, fence, steps: [plain(`insert into ${of('roles')} (\`role_id\`) select 'r${seq}'`)] };
}

/** A bench with its tables, in which a connection has loaded nothing yet. */
export async function ready(bench: Bench): Promise<Bench> {
  await bench.prepare();
  const state = bench.options.dataset;
  const insert = `insert into \`acme-project.${state}.rollcall_state\` (\`connection\`, \`epoch\`, \`seq\`) select 'crm', 'e1', 0`;
  await (await bench.open()).run([{ sql: insert, params: [] }]);
  return bench;
}
