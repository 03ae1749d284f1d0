/** A piece of SQL: code, or what stands in it as it is (literals, quoted names, comments). */
interface Piece {
  readonly code: boolean;
  readonly text: string;
}

const ASIDE = /'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|--[^\n]*|\/\*.*?\*\//gs;

/** SQL cut into its pieces. */
export function pieces(sql: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of sql.matchAll(ASIDE)) {
    found.push({ code: true, text: sql.slice(at, match.index) }, { code: false, text: match[0] });
    at = match.index + match[0].length;
  }
  return [...found, { code: true, text: sql.slice(at) }];
}

/** Unquoted names are folded to upper case; so are keywords and functions, which does not matter. Comments go. */
export function folded(sql: string): string {
  const texts = pieces(sql).map(({ code, text }) => {
    if (code) return text.toUpperCase().replaceAll(/\s+/g, ' ');
    return /^["']/.test(text) ? text : ' ';
  });
  return texts.join('').trim().replace(/;$/, '');
}

/** A bound value as the driver sends it. */
export interface Bind {
  readonly type: string;
  readonly value: string | null;
}

function literal({ type, value }: Bind): string {
  if (value === null) return 'NULL';
  if (type === 'FIXED' || type === 'REAL') return value;
  if (type === 'BOOLEAN') return value.toUpperCase();
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** SQL with its parameters written into it. */
export function withBinds(sql: string, binds: Readonly<Record<string, Bind>>): string {
  let n = 0;
  const next = (): string => {
    n += 1;
    const bind = binds[String(n)];
    if (bind === undefined) throw new Error(`Bind variable ${n} not set`);
    return literal(bind);
  };
  return pieces(sql)
    .map(({ code, text }) => (code ? text.replaceAll('?', next) : text))
    .join('');
}

/** Where the bracket that opens at `open` is closed. */
export function closing(sql: string, open: number): number {
  let depth = 0;
  let at = 0;
  for (const { code, text } of pieces(sql)) {
    for (let i = 0; i < text.length; i += 1) {
      const place = at + i;
      if (!code || place < open) continue;
      if (text[i] === '(') depth += 1;
      if (text[i] === ')') depth -= 1;
      if (depth === 0) return place;
    }
    at += text.length;
  }
  throw new Error(`a bracket is not closed: ${sql.slice(open, open + 80)}`);
}

/** The start of each `CAST(` and the like outside of literals. */
export function callsOf(sql: string, name: string): number[] {
  const blank = pieces(sql)
    .map(({ code, text }) => (code ? text : '\0'.repeat(text.length)))
    .join('');
  return [...blank.matchAll(new RegExp(`\\b${name}\\(`, 'g'))].map((match) => match.index);
}
