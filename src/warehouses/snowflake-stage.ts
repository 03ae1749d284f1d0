import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Row, SealedFile } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { plain } from '../sql/plain.ts';
import { STAGING_COLUMNS } from '../sql/tables.ts';
import { type Desk, persist, use } from './snowflake-desk.ts';
import { literal, type snowflakeDialect } from './snowflake-dialect.ts';
import { driverFolder, withScratch } from './snowflake-driver.ts';
import { sendable } from './snowflake-lines.ts';
import { ask, codeOf, type Link } from './snowflake-link.ts';
import { showTables } from './snowflake-tables.ts';

type Dialect = ReturnType<typeof snowflakeDialect>;

const LINES = '_lines';

/** Begins the name of a folder with a batch's compressed file. */
const LOAD = 'load-';

/** Names of staging tables: `stage_`, epoch, seq and hash of a batch. */
const OF_A_BATCH = /^STAGE_([0-9A-F]+)_(\d+)_[0-9A-F]+(?:_LINES)?$/;
const LEFT_BEHIND = 24 * 60 * 60_000;

/** Where a batch is staged: the file's lines as they are, and the same as columns. */
function tablesOf(d: Dialect, batch_id: string): { readonly lines: string; readonly staging: string } {
  const name = `stage_${batch_id.replaceAll('-', '_')}`;
  return { lines: d.table(`${name}${LINES}`), staging: d.table(name) };
}

async function compress(file: SealedFile, to: string): Promise<number> {
  await pipeline(sendable(file), createGzip(), createWriteStream(to, { mode: 0o600 }));
  return (await stat(to)).size;
}

/** A path in a statement: plain where it may stand plain. */
const located = (url: string): string => (/^[\w:/.@~-]+$/.test(url) ? url : literal(url));

function notUploaded(why: unknown): RollcallError {
  const words = why instanceof Error ? why.message : String(why ?? 'no answer');
  return new RollcallError(
    'transient',
    `the batch could not be uploaded to Snowflake's storage: ${words}. It lies with the account's cloud provider: check that this host reaches it (SELECT SYSTEM$ALLOWLIST() lists the addresses), and run again`,
    { cause: why },
  );
}

/** Uploads a file. A failed upload is mostly no error to the driver: only its row tells. */
async function put(link: Link, folder: string, file: string, target: string): Promise<void> {
  const source = located(`file://${file.replaceAll('\\', '/')}`);
  const sql = `PUT ${source} ${target} AUTO_COMPRESS=FALSE SOURCE_COMPRESSION=GZIP OVERWRITE=TRUE`;
  const { rows } = await withScratch(folder, () => ask(link, plain(sql))).catch((error: unknown) => {
    // Snowflake's own refusals have numbers; what has none comes from the transfer of the file.
    if (link.lost || error instanceof RollcallError || /^\d+$/.test(codeOf(error))) throw error;
    throw notUploaded(error);
  });
  const [row] = rows;
  if (row?.status !== 'UPLOADED' && row?.status !== 'SKIPPED') throw notUploaded(row?.message);
}

/** Rows that COPY loaded; null where its answer does not tell. A file that is known to the table is skipped in silence. */
function loadedBy(rows: readonly Row[]): number | null {
  if (rows.some((row) => /\b0 files processed/i.test(String(row.status)))) return 0;
  const counts = rows.map((row) => row.rows_loaded).filter((count) => count !== undefined && count !== null);
  return counts.length === 0 ? null : counts.reduce<number>((sum, count) => sum + Number(count), 0);
}

/** A batch on its way: what it is, how its tables are written, and the folder of its compressed file. */
interface Upload {
  readonly file: SealedFile;
  readonly d: Dialect;
  readonly folder: string;
}

/** Loads the compressed lines into a table that is made anew. Returns how many, where Snowflake says so. */
async function loadLines(desk: Desk, link: Link, { file, d, folder }: Upload, name: string): Promise<number | null> {
  const { lines } = tablesOf(d, file.batch_id);
  const target = `@~/rollcall/${file.batch_id}/`;
  await ask(link, plain(`CREATE OR REPLACE TRANSIENT TABLE ${lines} (${d.name('line')} VARIANT)`));
  await put(link, folder, join(folder, name), target);
  const copy = `COPY INTO ${lines} FROM ${target} FILES = (${literal(name)}) FILE_FORMAT = (TYPE = JSON)`;
  const { rows } = await use(desk, link, plain(`${copy} ON_ERROR = ABORT_STATEMENT PURGE = TRUE`));
  return loadedBy(rows);
}

/** Stages the file from the beginning: what an earlier try has left is replaced. */
async function stageIn(desk: Desk, link: Link, upload: Upload): Promise<string> {
  const { file, d, folder } = upload;
  const { lines, staging } = tablesOf(d, file.batch_id);
  const name = `${file.batch_id}.json.gz`;
  desk.used.bytes += await compress(file, join(folder, name));
  if ((await loadLines(desk, link, upload, name)) === 0) {
    // Load history knows the file, and skips it without a word. Under a new name it is a new file.
    const fresh = `${file.batch_id}-${Date.now().toString(36)}.json.gz`;
    await rename(join(folder, name), join(folder, fresh));
    await loadLines(desk, link, upload, fresh);
  }
  const columns = STAGING_COLUMNS.map((column) => `${d.jsonText(d.name('line'), [column])} AS ${d.name(column)}`);
  await use(
    desk,
    link,
    plain(`CREATE OR REPLACE TRANSIENT TABLE ${staging} AS SELECT ${columns.join(', ')} FROM ${lines}`),
  );
  await ask(link, plain(`DROP TABLE IF EXISTS ${lines}`));
  desk.used.rows += file.lines;
  return staging;
}

/** Removes compressed files of processes that died: they hold users, and nobody else would. */
async function sweepFiles(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const found = name.startsWith(LOAD) ? await stat(join(folder, name)).catch(() => null) : null;
    // Null where another process was quicker.
    if (found !== null && now - found.mtimeMs > LEFT_BEHIND)
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Loads a batch into a staging table: compressed, uploaded to the user's own stage, copied, and split into columns. */
export async function stageFile(desk: Desk, d: Dialect, file: SealedFile): Promise<string> {
  const all = driverFolder(desk.context.scratch);
  await sweepFiles(all, Date.now());
  // Named after the batch: a killed process's file is in the way of the next one who loads it, and goes with his.
  const folder = join(all, `${LOAD}${file.batch_id}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  try {
    return await persist(desk, 'stage the batch', (link) => stageIn(desk, link, { file, d, folder }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Drops a staging table; one that is gone is no error. */
export async function dropStaging(desk: Desk, staging: string): Promise<void> {
  await persist(desk, 'drop the staging table', (link) => ask(link, plain(`DROP TABLE IF EXISTS ${staging}`)));
}

/** The epoch and number of the batch that a staging table was made for. */
function batchOf(name: string): { readonly epoch: string; readonly seq: number } | null {
  const [, epoch, seq] = OF_A_BATCH.exec(name) ?? [];
  return epoch === undefined ? null : { epoch, seq: Number(seq) };
}

/**
 * Staging tables of processes that died: those of earlier batches of the same ledger, which are all done with when a
 * later one is staged; and of others when they are a day old, as no batch is at work for so long.
 */
export async function sweepStaging(desk: Desk, d: Dialect, link: Link, batch_id: string): Promise<void> {
  const shown = await showTables(desk, link);
  const own = batchOf(`STAGE_${batch_id.replaceAll('-', '_').toUpperCase()}`);
  for (const [name, { created_on }] of shown ?? []) {
    const found = batchOf(name);
    if (found === null) continue;
    const isEarlier = found.epoch === own?.epoch && found.seq < own.seq;
    if (isEarlier || Date.now() - Date.parse(String(created_on)) > LEFT_BEHIND)
      await ask(link, plain(`DROP TABLE IF EXISTS ${d.table(name)}`));
  }
}
