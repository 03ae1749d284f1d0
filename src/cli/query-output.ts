import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import type { Row, Session, Statement } from '../contract/warehouse.ts';
import { print, table } from './print.ts';

/** Rows that a table shows; more are for --json and --csv. */
const SHOWN = 1000;

/** What a query answers. */
export interface Result {
  readonly rows: AsyncIterable<Row>;
  /** Names of the columns: there once the rows have begun, or have ended without one. */
  names(): readonly string[];
}

/** Asks the query; it runs when the rows are read. */
export function resultOf(session: Session, query: Statement, maxBytes: number | undefined): Result {
  let names: readonly string[] = [];
  const columns = (found: readonly string[]): void => {
    names = found;
  };
  const limit = maxBytes === undefined ? {} : { maxBytes };
  return { rows: session.read(query, { ...limit, columns }), names: () => names };
}

/** Writes to stdout, and waits where its reader is slower: what is not read yet would pile up in memory. */
async function put(text: string): Promise<void> {
  if (process.stdout.write(text) || !process.stdout.writable) return;
  try {
    await once(process.stdout, 'drain');
  } catch (error) {
    // A reader that has enough (`| head`) is no error.
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EPIPE') throw error;
  }
}

/** One JSON array, a row a line, written as rows arrive. */
export async function asJson({ rows }: Result): Promise<void> {
  let lead = '[';
  for await (const row of rows) {
    await put(`${lead}${JSON.stringify(row)}`);
    lead = ',\n';
  }
  print(lead === '[' ? '[]' : ']');
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

async function* csvRecords({ rows, names }: Result): AsyncIterable<readonly string[]> {
  let headed = false;
  for await (const row of rows) {
    if (!headed) yield [...names()];
    headed = true;
    yield names().map((name) => csvCell(row[name]));
  }
  if (!headed) yield [...names()];
}

/** Lines of CSV under a header, as rows arrive; the header alone where there is no row. */
export async function asCsv(result: Result): Promise<void> {
  await pipeline(Readable.from(csvRecords(result)), stringify(), async (lines: AsyncIterable<string>) => {
    for await (const line of lines) await put(line);
  });
}

/** A table for people. */
export async function asTable({ rows, names }: Result): Promise<void> {
  const shown: Row[] = [];
  let more = 0;
  for await (const row of rows) {
    if (shown.length < SHOWN) shown.push(row);
    else more += 1;
  }
  if (shown.length === 0) {
    print('no rows');
    return;
  }
  const cells = shown.map((row) => names().map((name) => row[name]));
  print(table(names(), cells));
  if (more > 0) print(`… and ${more} more rows (--json or --csv prints all)`);
}
