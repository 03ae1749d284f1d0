import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenContext, SealedFile, Session } from '../contract/warehouse.ts';
import { plain } from '../sql/plain.ts';
import type { BigqueryOptions } from './bigquery-options.ts';
import { openDataset } from './bigquery-session.ts';

/** One staged line, which is loaded, changed, read and dropped again: all that a sync does, on a table of its own. */
async function tryOut(session: Session, folder: string, signal: AbortSignal): Promise<void> {
  const path = join(folder, 'check.ndjson');
  const text = `${JSON.stringify({ n: '1', op: 'check' })}\n`;
  writeFileSync(path, text);
  const batch_id = `check-0-${randomBytes(8).toString('hex')}`;
  const file: SealedFile = { batch_id, path, lines: 1, bytes: text.length, longest: text.length };
  const staging = await session.stage(file, signal);
  try {
    const fence = plain(`UPDATE ${staging} SET \`op\` = 'checked' WHERE \`n\` = '1'`);
    await session.transact({ id: batch_id, fence, steps: [] }, signal);
    await Array.fromAsync(session.read(plain(`SELECT \`op\` FROM ${staging}`)));
  } finally {
    await session.unstage(staging);
  }
}

/** Does what a sync does, in small, in the dataset that these options stage in; tells where that is. */
async function checkDataset(o: BigqueryOptions, context: OpenContext): Promise<string> {
  const opened = await openDataset(o, 'write', context);
  if (opened === null) throw new Error('a dataset opened for writing is never absent');
  const { session, location, made } = opened;
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-check-'));
  try {
    await tryOut(session, folder, context.signal);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await session.close();
  }
  return `${made ? 'was made' : 'is there'}${location === undefined ? '' : ` in ${location}`}`;
}

/** Tries each dataset that a sync uses; each step that is not allowed says which role is missing. */
export async function checkWarehouse(o: BigqueryOptions, context: OpenContext): Promise<readonly string[]> {
  const { staging_dataset: staging = o.dataset, ...tables } = o;
  const found = [`dataset ${o.project}.${o.dataset} ${await checkDataset(tables, context)}`];
  if (staging !== o.dataset) found.push(`dataset ${o.project}.${staging} ${await checkDataset(o, context)}`);
  const where = found.length > 1 ? ' in both' : '';
  const roles =
    'the least roles: roles/bigquery.jobUser on the project, roles/bigquery.dataEditor on the dataset (see `rollcall grants bigquery`)';
  return [...found, `a table could be made, loaded, changed in a transaction, read and dropped${where}`, roles];
}
