import { FUNCTIONS, SAFE_CASTS, SAFE_FUNCTIONS, TYPES } from './functions.ts';
import { behind, findOutside, isMark, isWord, SqlError, splitAt, type Token } from './tokens.ts';

/** A parameter as DuckDB writes it. */
export type Bound = () => string;

/** What names without a dataset mean, and where the next parameter comes from. */
export interface Around {
  /** `project.dataset`, or null where there is no default. */
  readonly dataset: string | null;
  readonly project: string;
  readonly bound: Bound;
  /** Values of system variables, such as `@@row_count`. */
  readonly variables: ReadonlyMap<string, number>;
  /** Told of every table that a statement names. */
  readonly used?: (name: TableName) => void;
}

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** A table as GoogleSQL names it: its dataset (with the project) and itself. */
export interface TableName {
  readonly dataset: string;
  readonly table: string;
}

/** The table that a path of names means. */
export function tableName(path: readonly string[], around: Pick<Around, 'dataset' | 'project'>): TableName {
  const parts = path.flatMap((part) => part.split('.'));
  const [table = '', dataset, ...project] = parts.toReversed();
  if (dataset !== undefined) {
    return { dataset: `${project.length === 0 ? around.project : project.toReversed().join('.')}.${dataset}`, table };
  }
  if (around.dataset !== null) return { dataset: around.dataset, table };
  throw new SqlError(`Table "${table}" must be qualified with a dataset (e.g. dataset.table).`, 'invalid');
}

/** A table as DuckDB names it: one schema for each dataset. */
export const duckName = ({ dataset, table }: TableName): string => `${quote(dataset)}.${quote(table)}`;

/** A path of names at a place, and the place behind it. */
export function pathAt(tokens: readonly Token[], at: number): { readonly path: string[]; readonly next: number } {
  const path: string[] = [];
  for (let i = at; ; i += 2) {
    const token = tokens[i];
    if (token?.kind !== 'name' && token?.kind !== 'quoted') throw new SqlError('Syntax error: Expected a name');
    path.push(token.value);
    if (!isMark(tokens[i + 1], '.')) return { path, next: i + 1 };
  }
}

/** Words after which a path is a table and not a column. */
const BEFORE_TABLE = ['FROM', 'JOIN', 'INTO', 'UPDATE', 'TABLE', 'VIEW', 'USING', 'MERGE'];
/** Words that never begin an alias. */
const RESERVED = new Set(
  'ALL AND ANY AS ASC BETWEEN BY CASE CROSS DESC DISTINCT ELSE END EXCEPT FALSE FOR FROM FULL GROUP HAVING IN INNER INSERT INTERSECT INTO IS JOIN LEFT LIKE LIMIT MERGE NOT NULL ON OR ORDER OVER PARTITION QUALIFY RIGHT SELECT SET THEN TRUE UNION UPDATE USING VALUES WHEN WHERE WINDOW WITH'.split(
    ' ',
  ),
);

interface Reader {
  readonly tokens: readonly Token[];
  readonly around: Around;
  /** Names that a WITH clause gives to its queries. */
  readonly queries: ReadonlySet<string>;
}

/** A piece of SQL, and the place behind it. */
type Piece = readonly [sql: string, next: number];

function type(tokens: readonly Token[]): string {
  const [first] = tokens;
  if (isWord(first, 'ARRAY')) return `${type(tokens.slice(2, -1))}[]`;
  const known = first?.kind === 'name' ? TYPES[first.value.toUpperCase()] : undefined;
  if (known === undefined) throw new SqlError(`Type not found: ${first?.value ?? ''}`);
  return known;
}

function inner(r: Reader, from: number, to: number): string {
  return render({ ...r, tokens: r.tokens.slice(from, to) });
}

/** CAST and SAFE_CAST. */
function cast(r: Reader, at: number): Piece {
  const end = behind(r.tokens, at + 1);
  const body = r.tokens.slice(at + 2, end - 1);
  const as = findOutside(body, (token) => isWord(token, 'AS'));
  if (as < 0) throw new SqlError('Syntax error: Expected keyword AS');
  const value = render({ ...r, tokens: body.slice(0, as) });
  const named = body.slice(as + 1);
  const into = type(named);
  if (into === 'JSON') throw new SqlError('Invalid cast from STRING to JSON');
  if (!isWord(r.tokens[at], 'SAFE_CAST')) return [`cast(${value} as ${into})`, end];
  const macro = SAFE_CASTS[named[0]?.value.toUpperCase() ?? ''];
  return [macro === undefined ? `try_cast(${value} as ${into})` : `${macro}(${value})`, end];
}

/** `x[OFFSET(0)]` and its kin count from 0 or 1; DuckDB counts from 1 and has null outside. */
function subscript(r: Reader, at: number): Piece {
  const end = behind(r.tokens, at);
  const [how, ...rest] = r.tokens.slice(at + 1, end - 1);
  const index = render({ ...r, tokens: rest });
  if (isWord(how, 'OFFSET', 'SAFE_OFFSET')) return [`[${index} + 1]`, end];
  if (isWord(how, 'ORDINAL', 'SAFE_ORDINAL')) return [`[${index}]`, end];
  return [`[${inner(r, at + 1, end - 1)}]`, end];
}

function call(r: Reader, at: number): Piece {
  const name = r.tokens[at]?.value.toUpperCase() ?? '';
  if (name === 'CAST' || name === 'SAFE_CAST') return cast(r, at);
  const end = behind(r.tokens, at + 1);
  const known = FUNCTIONS[name];
  if (name === 'CONCAT') {
    const parts = splitAt(r.tokens.slice(at + 2, end - 1), ',').map((tokens) => render({ ...r, tokens }));
    return [`(${parts.map((part) => `(${part})`).join(' || ')})`, end];
  }
  if (known === undefined) throw new SqlError(`Function not found: ${r.tokens[at]?.value}`);
  const sql = `${known}(${inner(r, at + 2, end - 1)})`;
  if (name !== 'UNNEST' || !isTablePlace(r.tokens, at)) return [sql, end];
  // What stands for the element in GoogleSQL is the table's name in DuckDB.
  const alias = isWord(r.tokens[end], 'AS') ? end + 1 : end;
  const element = r.tokens[alias];
  if (element?.kind !== 'name' && element?.kind !== 'quoted') return [sql, end];
  return [`${sql} as ${quote(`${element.value} list`)}(${quote(element.value)})`, alias + 1];
}

/** The FROM of a comparison. */
const isDistinctFrom = (tokens: readonly Token[], at: number): boolean =>
  isWord(tokens[at], 'FROM') && isWord(tokens[at - 1], 'DISTINCT');

/** Whether a path at this place is a table: after FROM and its kin, or after a comma of a FROM clause. */
function isTablePlace(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1];
  if (isDistinctFrom(tokens, at - 1)) return false;
  if (isWord(before, ...BEFORE_TABLE)) return true;
  if (!isMark(before, ',')) return false;
  for (let i = at - 2, depth = 0; i >= 0; i -= 1) {
    const token = tokens[i];
    if (isMark(token, ')', ']')) depth += 1;
    else if (isMark(token, '(', '[')) depth -= 1;
    if (depth < 0) return false;
    if (depth === 0 && isWord(token, 'FROM') && !isDistinctFrom(tokens, i)) return true;
    if (depth === 0 && isWord(token, 'SELECT', 'WHERE', 'BY', 'SET', 'ON', 'USING')) return false;
  }
  return false;
}

function table(r: Reader, at: number): Piece {
  const { path, next } = pathAt(r.tokens, at);
  const [only = ''] = path;
  if (path.length === 1 && r.queries.has(only.toLowerCase())) return [quote(only), next];
  const name = tableName(path, r.around);
  r.around.used?.(name);
  return [duckName(name), next];
}

function word(r: Reader, at: number): Piece {
  const token = r.tokens[at];
  const name = token?.value ?? '';
  const upper = name.toUpperCase();
  if (upper === 'AT') throw new SqlError('Syntax error: Unexpected keyword AT');
  if (upper === 'SAFE' && isMark(r.tokens[at + 1], '.') && isMark(r.tokens[at + 3], '(')) {
    const safe = SAFE_FUNCTIONS[r.tokens[at + 2]?.value.toUpperCase() ?? ''];
    if (safe === undefined) throw new SqlError(`Function not found: SAFE.${r.tokens[at + 2]?.value}`);
    const end = behind(r.tokens, at + 3);
    return [`${safe}(${inner(r, at + 4, end - 1)})`, end];
  }
  const named = !isMark(r.tokens[at + 1], '(') || isWord(r.tokens[at - 1], 'INTO');
  if (isTablePlace(r.tokens, at) && !RESERVED.has(upper) && named) return table(r, at);
  const isCall = isMark(r.tokens[at + 1], '(') && !RESERVED.has(upper) && !isMark(r.tokens[at - 1], '.');
  if (isCall && !isWord(r.tokens[at - 1], 'AS')) return call(r, at);
  return [RESERVED.has(upper) ? upper : name, at + 1];
}

function one(r: Reader, at: number): Piece {
  const token = r.tokens[at];
  if (token === undefined) return ['', at + 1];
  switch (token.kind) {
    case 'text':
      return [text(token.value), at + 1];
    case 'quoted':
      return isTablePlace(r.tokens, at) ? table(r, at) : [quote(token.value), at + 1];
    case 'variable': {
      const value = r.around.variables.get(token.value);
      if (value === undefined) throw new SqlError(`Unrecognized name: ${token.value}`);
      return [String(value), at + 1];
    }
    case 'name':
      return word(r, at);
    case 'number':
      return [token.value, at + 1];
    default:
      if (token.value === '?') return [r.around.bound(), at + 1];
      if (token.value === '[' && isValueBefore(r.tokens[at - 1])) return subscript(r, at);
      return [token.value, at + 1];
  }
}

const isValueBefore = (token: Token | undefined): boolean =>
  isMark(token, ')', ']') ||
  token?.kind === 'quoted' ||
  (token?.kind === 'name' && !RESERVED.has(token.value.toUpperCase()));

function render(r: Reader): string {
  const pieces: string[] = [];
  for (let at = 0; at < r.tokens.length; ) {
    const [sql, next] = one(r, at);
    const tight = isMark(r.tokens[at], '.') || isMark(r.tokens[at - 1], '.') || sql.startsWith('[');
    pieces.push(tight || pieces.length === 0 ? sql : ` ${sql}`);
    at = next;
  }
  return pieces.join('');
}

/** Names of the queries of a WITH clause. */
function queryNames(tokens: readonly Token[]): Set<string> {
  const names = tokens
    .filter((_, i) => isWord(tokens[i + 1], 'AS') && isMark(tokens[i + 2], '('))
    .map(({ value }) => value.toLowerCase());
  return new Set(tokens.some((token) => isWord(token, 'WITH')) ? names : []);
}

/** GoogleSQL as DuckDB's SQL: a query, a condition, or a statement that changes rows. */
export function translate(tokens: readonly Token[], around: Around): string {
  return render({ tokens, around, queries: queryNames(tokens) });
}

/** A type of GoogleSQL as DuckDB's. */
export const translateType = type;
