import type { Command } from 'commander';
import type { Row, Session, Statement } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { bytesText } from '../bytes.ts';
import { globalsOf } from '../globals.ts';
import { print, table } from '../print.ts';
import { stopOnSignals } from '../stop.ts';
import { configOf, openWarehouse } from '../workplace.ts';

/** Rows that a table shows; more are for --json and --csv. */
const SHOWN = 1000;

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One JSON array, a row a line, written as rows arrive. */
async function asJson(rows: AsyncIterable<Row>): Promise<void> {
  let lead = '[';
  for await (const row of rows) {
    process.stdout.write(`${lead}${JSON.stringify(row)}`);
    lead = ',\n';
  }
  print(lead === '[' ? '[]' : ']');
}

async function asCsv(rows: AsyncIterable<Row>): Promise<void> {
  let headed = false;
  for await (const row of rows) {
    if (!headed) print(Object.keys(row).map(csvCell).join(','));
    headed = true;
    print(Object.values(row).map(csvCell).join(','));
  }
}

async function asTable(rows: AsyncIterable<Row>): Promise<void> {
  const shown: Row[] = [];
  let more = 0;
  for await (const row of rows) {
    if (shown.length < SHOWN) shown.push(row);
    else more += 1;
  }
  const first = shown[0];
  if (first === undefined) {
    print('no rows');
    return;
  }
  const names = Object.keys(first);
  print(
    table(
      names,
      shown.map((row) => names.map((name) => row[name])),
    ),
  );
  if (more > 0) print(`… and ${more} more rows (--json or --csv prints all)`);
}

/** The warehouse's own words about the user's SQL, whole: they point at the place. */
function sqlError(error: unknown): unknown {
  if (!(error instanceof RollcallError) || error.kind !== 'bug') return error;
  const words = error.cause instanceof Error ? error.cause.message : error.message;
  return new RollcallError('config', `the query failed: ${words.trim()}`, { step: 'query', cause: error });
}

/** How a query was asked for. */
interface Asked {
  readonly csv?: true;
  readonly maxBytes?: number;
}

/** Shows what a query will cost, where the warehouse charges for reading. */
async function tellCost(session: Session, query: Statement, quiet: boolean): Promise<void> {
  const estimate = await session.estimate?.(query);
  if (estimate !== undefined && !quiet) process.stderr.write(`${estimate.text}\n`);
}

/** Shows what it did cost. */
function tellUsage(session: Session, quiet: boolean): void {
  const used = session.usage?.() ?? null;
  if (used === null || quiet) return;
  const [billed, ids] = [bytesText(used.bytes_billed), used.jobs.join(', ')];
  process.stderr.write(`billed: ${billed}; slot time: ${used.slot_ms} ms; ${ids}\n`);
}

/** `rollcall query "<sql>"`: reads the configured warehouse. */
export async function query(sql: string, options: Asked, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const stop = stopOnSignals();
  try {
    const session = await openWarehouse(config, 'read', { signal: stop.signal, waiting: () => undefined });
    if (session === null) {
      throw new RollcallError('config', 'there is no warehouse yet: run `rollcall sync` first', { step: 'query' });
    }
    try {
      const asked = { sql, params: [] };
      await tellCost(session, asked, globals.quiet);
      const rows = session.read(asked, options);
      if (globals.json) await asJson(rows);
      else if (options.csv === true) await asCsv(rows);
      else await asTable(rows);
      tellUsage(session, globals.quiet);
    } finally {
      await session.close();
    }
    return 0;
  } catch (error) {
    throw sqlError(error);
  } finally {
    stop.release();
  }
}
