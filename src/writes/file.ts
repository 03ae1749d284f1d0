import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { CsvError } from 'csv-parse/sync';
import { isObject, type Json } from '../contract/json.ts';
import type { WriteOp } from '../contract/writes.ts';
import { RollcallError } from '../errors.ts';
import { parseJson } from '../http/json.ts';
import { type Given, isScalar, textOf } from './row.ts';

const OPS: readonly WriteOp[] = ['create', 'update', 'delete'];

/** Problems told at most; the rest is counted. */
const TOLD = 20;

/** The error of a file that cannot be used as it is; every problem on a line. */
export function badFile(path: string, problems: readonly string[]): RollcallError {
  const told = problems.slice(0, TOLD);
  const more = problems.length - told.length;
  const lines = more > 0 ? [...told, `… and ${more} more`] : told;
  const message =
    lines.length === 1
      ? `${path}: ${lines[0]}`
      : `${path} has ${problems.length} problems:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new RollcallError('config', message, { step: 'read the file' });
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder',
    };
    throw new RollcallError('config', `cannot read ${path}: ${reasons[code] ?? code}`, {
      step: 'read the file',
      cause: error,
    });
  }
}

/** Letters in another encoding would be written to users as question marks. */
function contentOf(path: string): string {
  const bytes = bytesOf(path);
  if (isUtf8(bytes)) return bytes.toString('utf8').replace(/^\uFEFF/, '');
  let line = 1;
  for (let from = 0; from < bytes.length; line += 1) {
    const end = bytes.indexOf('\n', from);
    const to = end === -1 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(from, to))) break;
    from = to + 1;
  }
  throw badFile(path, [`line ${line}: is not UTF-8; save the file as UTF-8`]);
}

/** One line, before op and user_id are taken out of it. */
interface Line {
  readonly where: string;
  readonly cells: readonly (readonly [name: string, value: Json])[];
}

const isGiven = (value: Json): boolean => value !== null && value !== '';

function headerProblems(header: readonly string[], onlyCreates: boolean): string[] {
  const problems = header.flatMap((name, i) => {
    if (name === '') return [`line 1: column ${i + 1} has no name`];
    return header.indexOf(name) === i ? [] : [`line 1: the column ${name} is there twice`];
  });
  const one = header.length === 1 ? '; are the columns separated by commas?' : '';
  const missing = [
    ...(header.includes('op') ? [] : ['op']),
    ...(header.includes('user_id') || onlyCreates ? [] : ['user_id']),
  ];
  return [...problems, ...missing.map((name) => `line 1: there is no column ${name}${one}`)];
}

/** The parser's own words may quote a cell, and a cell may be anything. */
const CSV_WORDS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  INVALID_OPENING_QUOTE: 'has a quote within a cell; put the whole cell in quotes and write the quote twice',
  CSV_INVALID_CLOSING_QUOTE: 'has something behind a closing quote; write a quote within a cell twice',
};

function csvProblem(error: CsvError): string {
  const where = typeof error.lines === 'number' ? `line ${error.lines}: ` : '';
  return `${where}${CSV_WORDS[error.code] ?? `is not valid CSV (${error.code})`}`;
}

/** How files are read. Whether each line has its cells is checked here, so that every line that has not is told. */
const CSV = { bom: true, skip_records_with_empty_values: true, trim: true, relax_column_count: true } as const;

/** A record as the parser gives it with `info`. */
interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

async function csvLines(path: string, text: string): Promise<Line[]> {
  const csv = await import('csv-parse/sync');
  let parsed: readonly Parsed[];
  try {
    // The library types records by its options; with `info` each is as Parsed says.
    parsed = csv.parse(text, { ...CSV, info: true }) as unknown as Parsed[];
  } catch (error) {
    if (error instanceof csv.CsvError) throw badFile(path, [csvProblem(error)]);
    throw error;
  }
  const [header, ...records] = parsed;
  if (header === undefined) throw badFile(path, ['the file is empty: it needs a line with the names of the columns']);
  const at = header.record.indexOf('op');
  const onlyCreates = records.length > 0 && records.every(({ record }) => record[at] === 'create');
  const problems = headerProblems(header.record, onlyCreates);
  for (const { record, info } of records) {
    const [have, want] = [record.length, header.record.length];
    if (have === want) continue;
    const cells = `${have} ${have === 1 ? 'cell' : 'cells'}`;
    problems.push(`line ${info.lines}: has ${cells} where the first line has ${want}; a list needs quotes: "a,b"`);
  }
  if (problems.length > 0) throw badFile(path, problems);
  return records.map(({ record, info }) => ({
    where: `line ${info.lines}`,
    // An empty cell leaves the field as it is.
    cells: header.record.map((name, i) => [name, record[i] ?? ''] as const).filter(([, value]) => value !== ''),
  }));
}

function ndjsonLines(path: string, text: string): Line[] {
  const problems: string[] = [];
  const lines = text.split(/\r?\n/).flatMap((line, i): Line[] => {
    if (line.trim() === '') return [];
    const where = `line ${i + 1}`;
    try {
      const value = parseJson(line);
      // Null leaves the field as it is, like a name that is not there.
      if (isObject(value)) return [{ where, cells: Object.entries(value).filter(([, cell]) => cell !== null) }];
      problems.push(`${where}: is no JSON object`);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      problems.push(`${where}: is not valid JSON`);
    }
    return [];
  });
  if (problems.length > 0) throw badFile(path, problems);
  return lines;
}

function givenOf(line: Line, problems: string[]): Given[] {
  const cells = new Map(line.cells);
  const { op = '', user_id = '' } = Object.fromEntries(cells);
  const known = OPS.find((name) => name === op);
  if (known === undefined) {
    const what = isGiven(op) ? `there is no op ${JSON.stringify(op)}` : 'op is empty';
    problems.push(`${line.where}: ${what}; write ${OPS.join(', ')}`);
    return [];
  }
  if (!isScalar(user_id) || typeof user_id === 'boolean') {
    problems.push(`${line.where}: user_id is no text`);
    return [];
  }
  cells.delete('op');
  cells.delete('user_id');
  const id = isGiven(user_id) ? textOf(user_id) : null;
  return [{ op: known, user_id: id, values: [...cells], where: line.where }];
}

/** The rows of a CSV or NDJSON file. Throws one error that names every line which cannot be read. */
export async function readGiven(path: string): Promise<Given[]> {
  const kind = extname(path).toLowerCase();
  if (!['.csv', '.ndjson', '.jsonl'].includes(kind)) {
    throw new RollcallError('config', `${path} is neither .csv nor .ndjson; give it the name of what it is`, {
      step: 'read the file',
    });
  }
  const text = contentOf(path);
  const lines = kind === '.csv' ? await csvLines(path, text) : ndjsonLines(path, text);
  const problems: string[] = [];
  const given = lines.flatMap((line) => givenOf(line, problems));
  if (problems.length > 0) throw badFile(path, problems);
  return given;
}
