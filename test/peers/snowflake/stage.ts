import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Account, fullName, type Home } from './catalog.ts';
import { Failure } from './failure.ts';
import { type Rowset, texts } from './rowset.ts';
import { toDuckdb } from './transpile.ts';

const unquoted = (text: string): string => text.replace(/^'(.*)'$/s, '$1').replaceAll("''", "'");

const option = (sql: string, name: string): string | undefined =>
  new RegExp(`\\b${name}\\s*=\\s*\\(?\\s*([^\\s,)]+)`, 'i').exec(sql)?.[1];

/** Folder of a path in the user's own stage. */
function folderOf(account: Account, user: string, path: string): string {
  const inside = /^@~\/?(.*?)\/?$/.exec(path)?.[1];
  if (inside === undefined) throw new Failure('002003', `Stage '${path}' does not exist or not authorized.`, '02000');
  return join(account.stages, user, inside);
}

/** What PUT tells the driver: the file to send, and where to. */
export function putCommand(account: Account, user: string, sql: string): object {
  const [, source = '', target = ''] = /^PUT\s+('[^']+'|\S+)\s+('[^']+'|\S+)/i.exec(sql) ?? [];
  const file = unquoted(source).replace(/^file:\/\//, '');
  const compression = option(sql, 'SOURCE_COMPRESSION') ?? 'AUTO_DETECT';
  return {
    command: 'UPLOAD',
    src_locations: [file],
    parallel: 4,
    autoCompress: (option(sql, 'AUTO_COMPRESS') ?? 'TRUE').toUpperCase() === 'TRUE',
    overwrite: (option(sql, 'OVERWRITE') ?? 'FALSE').toUpperCase() === 'TRUE',
    sourceCompression: compression.toLowerCase(),
    stageInfo: { locationType: 'LOCAL_FS', location: folderOf(account, user, unquoted(target)), creds: {} },
  };
}

/** Whose stage is loaded from, and into whose tables. */
interface Loader {
  readonly account: Account;
  readonly home: Home;
  readonly user: string;
  readonly connection: DuckDBConnection;
}

const COLUMNS = ['file', 'status', 'rows_parsed', 'rows_loaded', 'error_limit', 'errors_seen', 'first_error'];

const COPY = /^COPY INTO\s+(\S+)\s+FROM\s+('[^']+'|\S+)/i;

/** One value may have so many bytes. */
const MOST_BYTES = 16 * 1024 * 1024;

function refuseLarge(path: string): void {
  const text = gunzipSync(readFileSync(path));
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf(10, from);
    const end = newline < 0 ? text.length : newline;
    const words = `Error parsing JSON: document is too large, max size ${MOST_BYTES} bytes`;
    if (end - from > MOST_BYTES) throw new Failure('100069', words, '22P02');
    from = end + 1;
  }
}

/** Loads files of the user's stage into a table of one VARIANT column; what it loaded before it skips in silence. */
export async function copyInto(session: Loader, sql: string): Promise<Rowset> {
  const { account, home, user, connection } = session;
  const [, into = '', from = ''] = COPY.exec(sql) ?? [];
  if ((option(sql, 'TYPE') ?? '').toUpperCase() !== 'JSON')
    throw new Failure('002019', 'SQL compilation error:\nonly JSON is loaded here', '0A000');
  const table = fullName(into, home);
  const folder = folderOf(account, user, unquoted(from));
  const list = /FILES\s*=\s*\(([^)]*)\)/i.exec(sql)?.[1];
  const names = list === undefined ? readdirSync(folder) : list.split(',').map((name) => unquoted(name.trim()));
  const rows: string[][] = [];
  for (const name of names) {
    const path = join(folder, name);
    if (!existsSync(path)) throw new Failure('091016', `Remote file '${name}' was not found.`, '22000');
    const known = `${table} ${account.made.get(table)} ${path}`;
    if (account.history.has(known)) continue;
    refuseLarge(path);
    const target = await toDuckdb(`SELECT * FROM ${into}`);
    const { rowsChanged } = await connection.run(
      `INSERT INTO ${target.replace(/^SELECT \* FROM /, '')} SELECT json FROM read_json_objects(?, format = 'newline_delimited', maximum_object_size = 67108864)`,
      [path],
    );
    account.history.add(known);
    rows.push([name, 'LOADED', String(rowsChanged), String(rowsChanged), '1', '0', '']);
    if ((option(sql, 'PURGE') ?? '').toUpperCase() === 'TRUE') rmSync(path);
  }
  return rows.length === 0 ? texts(['status'], [['Copy executed with 0 files processed.']]) : texts(COLUMNS, rows);
}
