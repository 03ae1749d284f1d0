import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { addEffects, type Effects, noEffects } from '../contract/effects.ts';
import type { Batch, Line, OpenBatch } from '../contract/journal.ts';
import type { Spool } from './spool.ts';

interface BatchRow {
  seq: number;
  file: string;
  lines: number;
  bytes: number;
  longest: number;
  opened_at: string;
  effects: string;
  ops: string;
  batch_id: string | null;
  run_id: string | null;
  recorded_at: string | null;
  refused: string;
}

/** What was appended for a page: recorded in the page's transaction. */
export interface Appended {
  readonly seq: number;
  readonly file: string;
  readonly lines: number;
  readonly bytes: number;
  readonly longest: number;
  readonly ops: ReadonlySet<string>;
}

/** The batches of a connection that are not promoted: one sealed at most, and one open at most, which follows it. */
export interface Batches {
  open(): OpenBatch;
  /** Spool files of both. */
  files(): readonly string[];
  /** Both files are there, with all that the ledger says they hold. */
  intact(): boolean;
  append(lines: readonly Line[], seq: number): Promise<Appended>;
  /** Inside the page's transaction. */
  record(appended: Appended, effects: Effects, at: string): void;
  /** Null where there is none, or where it would change nothing: that one is dropped. */
  seal(epoch: string, run_id: string, now: () => string): Promise<Batch | null>;
  sealed(): Batch | null;
  refuse(user_ids: readonly string[]): void;
  refused(): readonly string[];
  /** Takes the sealed batch away, inside the promotion's transaction; its file is named. */
  drop(): string | null;
}

const parsed = (row: BatchRow): { effects: Effects; ops: Set<string> } => ({
  // Both were written by `record` below.
  effects: JSON.parse(row.effects) as Effects,
  ops: new Set(row.ops.split(' ').filter((op) => op !== '')),
});

function asBatch(row: BatchRow, folder: string): Batch | null {
  const { batch_id, run_id, recorded_at } = row;
  if (batch_id === null || run_id === null || recorded_at === null) return null;
  const { seq, file, lines, bytes, longest } = row;
  return { seq, batch_id, run_id, recorded_at, path: join(folder, file), lines, bytes, longest, ...parsed(row) };
}

/** Its users are back at what the warehouse has, each of them: two records of one user that took turns in a listing. */
function isIdle({ effects, ops }: Pick<OpenBatch, 'effects'> & { ops: ReadonlySet<string> }): boolean {
  const { inserted, updated, restored, deleted, same } = effects;
  const ofUsers = [...ops].every((op) => op === 'upsert' || op === 'delete' || op === 'purge');
  return ofUsers && inserted + updated + restored + deleted + same === 0;
}

/** The lines as bytes, each with its ordinal. One buffer, no joined text: a page of lines is a few megabytes. */
function render(lines: readonly Line[], from: number): { bytes: Buffer; longest: number } {
  const texts = lines.map(({ json }, i) => `{"n":"${from + i}",${json.slice(1)}\n`);
  const sizes = texts.map((text) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const text of texts) at += bytes.write(text, at);
  return { bytes, longest: sizes.reduce((most, size) => Math.max(most, size), 0) };
}

/** `folder` is where spool files lie. */
export function makeBatches(db: BetterSqlite3.Database, spool: Spool, folder: string, connection: string): Batches {
  const open = db.prepare<[], BatchRow>('select * from batch where batch_id is null');
  const sealed = db.prepare<[], BatchRow>('select * from batch where batch_id is not null');
  const replace = db.prepare(
    'insert or replace into batch (seq, file, lines, bytes, longest, opened_at, effects, ops) values (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const name = db.prepare('update batch set batch_id = ?, run_id = ?, recorded_at = ? where seq = ?');
  const drop = ({ seq, file }: BatchRow): void => {
    db.prepare('delete from batch where seq = ?').run(seq);
    rmSync(join(folder, file), { force: true });
  };
  const asSealed = (): Batch | null => {
    const row = sealed.get();
    return row === undefined ? null : asBatch(row, folder);
  };
  return {
    open: () => {
      const row = open.get();
      const effects = row === undefined ? noEffects() : parsed(row).effects;
      return { lines: row?.lines ?? 0, bytes: row?.bytes ?? 0, opened_at: row?.opened_at ?? null, effects };
    },
    files: () =>
      [sealed.get()?.file, open.get()?.file].filter((file) => file !== undefined).map((file) => join(folder, file)),
    intact: () =>
      [sealed.get(), open.get()].every((row) => {
        if (row === undefined) return true;
        return (statSync(join(folder, row.file), { throwIfNoEntry: false })?.size ?? -1) >= row.bytes;
      }),
    append: async (lines, seq) => {
      const row = open.get();
      const file = row?.file ?? `${connection}.${seq}.ndjson`;
      const { bytes: rendered, longest } = render(lines, (row?.lines ?? 0) + 1);
      const bytes = await spool.append(join(folder, file), row?.bytes ?? 0, rendered);
      const ops = new Set([...(row === undefined ? [] : parsed(row).ops), ...lines.map((line) => line.op)]);
      return {
        seq: row?.seq ?? seq,
        file,
        lines: (row?.lines ?? 0) + lines.length,
        bytes: (row?.bytes ?? 0) + bytes,
        longest: Math.max(row?.longest ?? 0, longest),
        ops,
      };
    },
    record: (appended, effects, at) => {
      const row = open.get();
      const sum = row === undefined ? noEffects() : parsed(row).effects;
      addEffects(sum, effects);
      const { seq, file, lines, bytes, longest, ops } = appended;
      replace.run(seq, file, lines, bytes, longest, row?.opened_at ?? at, JSON.stringify(sum), [...ops].join(' '));
    },
    seal: async (epoch, run_id, now) => {
      const row = open.get();
      if (row === undefined || sealed.get() !== undefined) return asSealed();
      if (isIdle(parsed(row))) drop(row);
      else {
        const hash = await spool.hash(join(folder, row.file), row.bytes);
        name.run(`${epoch}-${row.seq}-${hash.slice(0, 16)}`, run_id, now(), row.seq);
      }
      return asSealed();
    },
    sealed: asSealed,
    refuse: (user_ids) => {
      db.prepare('update batch set refused = ? where batch_id is not null').run(JSON.stringify(user_ids));
    },
    // Written by `refuse`.
    refused: () => JSON.parse(sealed.get()?.refused ?? '[]') as string[],
    drop: () => {
      const file = sealed.get()?.file;
      db.prepare('delete from batch where batch_id is not null').run();
      return file === undefined ? null : join(folder, file);
    },
  };
}
