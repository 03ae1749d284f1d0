import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../config/types.ts';
import { RollcallError } from '../src/errors.ts';
import { ledgerFile, makeLedger, readLedgerIfThere } from '../src/journal/ledger.ts';
import { type Retiring, retireRejected, retireRuns } from '../src/sql/retention.ts';
import { unhurried } from './breathe.ts';
import { cutoff } from './periods.ts';
import type { Workshop } from './workshop.ts';

/** Gives way to a run: what is too old today is too old tomorrow. */
async function underLease(shop: Workshop, name: string, work: () => Promise<void>): Promise<void> {
  let release: () => void;
  try {
    release = shop.tools.lease(name);
  } catch (error) {
    if (error instanceof RollcallError && error.kind === 'busy') return;
    throw error;
  }
  try {
    await work();
  } finally {
    release();
  }
}

const text = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Old runs and rejected records of one ledger, its log, and its forgotten spool files. */
async function tidyLedger(shop: Workshop, { name, source }: Connection): Promise<void> {
  const { config, tools } = shop;
  const { retention, state } = config;
  const place = { connection: name, source: source.name, folder: state.dir };
  if (readLedgerIfThere(place, () => true) === null) return;
  const { journal } = await makeLedger(place).open();
  try {
    const now = tools.now();
    const before = { runs: text(cutoff(retention.runs, now)), rejected: text(cutoff(retention.rejected, now)) };
    const gone = journal.retire(before);
    for (const [what, count] of Object.entries(gone)) {
      if (count > 0)
        tools.log.info({ connection: name, what, count, from: ledgerFile(state.dir, name) }, 'deleted: too old');
    }
    journal.checkpoint();
  } finally {
    journal.close();
  }
}

/** Spool files that nobody has touched for so long: what they hold was never loaded, and is read again. */
function tidySpools(shop: Workshop, name: string | null): void {
  const { config, tools } = shop;
  const folder = join(config.state.dir, 'spool');
  const before = cutoff(config.retention.spools, tools.now());
  if (before === null) return;
  const owner = (file: string): string => file.slice(0, file.indexOf('.'));
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.name.endsWith('.ndjson'));
  for (const { name: file } of files) {
    const mine = name === null ? !config.connections.has(owner(file)) : owner(file) === name;
    if (!mine || (statSync(join(folder, file), { throwIfNoEntry: false })?.mtimeMs ?? before) >= before) continue;
    rmSync(join(folder, file), { force: true });
    tools.log.info({ connection: owner(file), file: join(folder, file) }, 'deleted: a spool file that was too old');
  }
}

function hasSpools(shop: Workshop): boolean {
  return statSync(join(shop.config.state.dir, 'spool'), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** What of the warehouse's tables is for people to look back on, and too old. */
async function oldRows(shop: Workshop, retiring: readonly Retiring[]): Promise<{ of: Retiring; count: number }[]> {
  const [first = ''] = shop.config.connections.keys();
  const session = await shop.sessions.open('read', shop.stopping, () => undefined);
  try {
    if (session === null || (await session.identity(first)) === null) return [];
    const found: { of: Retiring; count: number }[] = [];
    for (const of of retiring) {
      const [row] = await Array.fromAsync(session.read(of.count));
      if (Number(row?.old) > 0) found.push({ of, count: Number(row?.old) });
    }
    return found;
  } finally {
    await session?.close();
  }
}

/** The same in the warehouse, where writing is free. Elsewhere a delete costs money, and its own retention is for that. */
async function tidyWarehouse(shop: Workshop): Promise<void> {
  const { config, tools } = shop;
  const { warehouse } = config.warehouse;
  const names = [...config.connections.keys()];
  if (!warehouse.freeWrites || names.length === 0) return;
  const now = tools.now();
  const [runs, rejected] = [text(cutoff(config.retention.runs, now)), text(cutoff(config.retention.rejected, now))];
  const found = await oldRows(shop, [
    ...(runs === null ? [] : [retireRuns(warehouse.dialect, names, runs)]),
    ...(rejected === null ? [] : [retireRejected(warehouse.dialect, names, rejected)]),
  ]);
  if (found.length === 0) return;
  const session = await shop.sessions.open('write', shop.stopping, () => undefined);
  try {
    await session?.run(found.map(({ of }) => of.remove));
  } finally {
    await session?.close();
  }
  for (const { of, count } of found) tools.log.info({ count, from: of.table }, 'deleted: too old');
}

/** Deletes what is too old to keep, and folds the ledgers' logs in. Each deletion is a line in the log. */
export async function tidy(shop: Workshop): Promise<void> {
  for await (const connection of unhurried(shop.config.connections.values())) {
    shop.stopping.throwIfAborted();
    await underLease(shop, connection.name, async () => {
      if (hasSpools(shop)) tidySpools(shop, connection.name);
      await tidyLedger(shop, connection);
    });
  }
  if (hasSpools(shop)) tidySpools(shop, null);
  await tidyWarehouse(shop);
  await shop.backend.tidy();
}
