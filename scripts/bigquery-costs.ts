// What a run costs in BigQuery on demand, by what its statements read: node scripts/bigquery-costs.ts [bytes of a row]
// The table in docs/warehouses/bigquery.md is what this prints.
import { pathToFileURL } from 'node:url';
import { bigquery } from '../src/warehouses/bigquery.ts';

const MB = 1024 ** 2;
/** Least that is charged for each table that a statement names. */
const LEAST = 10 * MB;
/** List price of a TiB in most regions, in US dollars. */
const PRICE = 6.25;
/** Bytes of a user's row with a received record of some 400 characters; a staged line has as many. */
const ROW = 800;
/** Bytes of the three columns that are counted: connection, seq and deleted_at. */
const COUNTED = 25;

/** One read of one table by one statement, in bytes. */
type Read = readonly [what: string, bytes: number];

/** What the statements of a run read that changed so many of so many users, none of them new or gone. */
export function readsOf(users: number, changed: number, row = ROW): Read[] {
  const most = bigquery.batch?.lines ?? Number.POSITIVE_INFINITY;
  const batches = Math.ceil(changed / most);
  const staged = Math.min(changed, most) * row;
  const whole = users * row;
  const batch: Read[] = [
    ['staged lines, looked at', staged],
    ['fence: rollcall_state', 0],
    ['change log: staged lines', staged],
    ['change log: users', whole],
    ['MERGE: staged lines', staged],
    ['MERGE: users', whole],
  ];
  return [
    ...Array.from({ length: batches }, () => batch).flat(),
    ['books: users', users * COUNTED],
    ['its own row: sync_runs', 0],
  ];
}

/** Bytes that are charged for. */
export function billed(reads: readonly Read[]): number {
  return reads.reduce((sum, [, bytes]) => sum + Math.max(LEAST, Math.ceil(bytes / MB) * MB), 0);
}

const dollars = (bytes: number): string => {
  const price = (bytes / 1024 ** 4) * PRICE;
  return `$${price.toFixed(price < 1 ? 4 : 2)}`;
};

function size(bytes: number): string {
  const mb = bytes / MB;
  if (mb < 1000) return `${mb} MB`;
  return mb < 1_000_000 ? `${(mb / 1024).toFixed(1)} GB` : `${(mb / 1024 ** 2).toFixed(1)} TB`;
}

/** The table of the documentation. */
export function costTable(row = ROW): string[] {
  const lines = [1000, 100_000, 10_000_000].map((users) => {
    const bytes = billed(readsOf(users, users / 100, row));
    const [count, changed] = [users, users / 100].map((n) => n.toLocaleString('en-US'));
    const month = bytes * 24 * 30;
    return `| ${count} | 0 B, $0 | ${changed} | ${size(bytes)}, ${dollars(bytes)} | ${size(month)}, ${dollars(month)} |`;
  });
  return [
    '| users | a run without changes | changed (1 %) | a run with them | 720 of those, one an hour for a month |',
    '|---|---|---|---|---|',
    ...lines,
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.stdout.write(`${costTable(Number(process.argv[2] ?? ROW)).join('\n')}\n`);
}
