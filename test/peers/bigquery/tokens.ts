/** What a token of GoogleSQL is. `name` is a bare word, `quoted` one in backquotes, `text` a string's value. */
export type Kind = 'name' | 'quoted' | 'text' | 'number' | 'variable' | 'mark';

/** One token. `value` of a text is what it says, of a quoted name what is between the backquotes. */
export interface Token {
  readonly kind: Kind;
  readonly value: string;
}

/** SQL that GoogleSQL would not parse, or has no meaning for. */
export class SqlError extends Error {
  readonly reason: string;

  constructor(message: string, reason = 'invalidQuery') {
    super(message);
    this.name = 'SqlError';
    this.reason = reason;
  }
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};

function unescaped(text: string): string {
  return text.replaceAll(
    /\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[xX][0-9a-fA-F]{2}|[0-7]{3}|[\s\S])/g,
    (_, code: string) => {
      const simple = SIMPLE[code];
      if (simple !== undefined) return simple;
      if (/^[uUxX]/.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
      if (/^[0-7]{3}$/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
      throw new SqlError(`Syntax error: Illegal escape sequence: \\${code}`);
    },
  );
}

const TOKEN =
  /\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|(?<raw>[rR])?(?:'''(?<t1>(?:[^\\]|\\[\s\S])*?)'''|"""(?<t2>(?:[^\\]|\\[\s\S])*?)"""|'(?<t3>(?:[^'\\\n]|\\[\s\S])*)'|"(?<t4>(?:[^"\\\n]|\\[\s\S])*)")|`(?<quoted>(?:[^`\\\n]|\\[\s\S])+)`|(?<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<variable>@@?[A-Za-z_][\w.]*)|(?<mark><>|!=|<=|>=|\|\||=>|[-+*/%(),.;=<>?[\]:{}])/gy;

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Token | null {
  const { raw, t1, t2, t3, t4, quoted, number, name, variable, mark } = groups;
  const text = t1 ?? t2 ?? t3 ?? t4;
  if (text !== undefined) return { kind: 'text', value: raw === undefined ? unescaped(text) : text };
  if (quoted !== undefined) return { kind: 'quoted', value: unescaped(quoted) };
  if (number !== undefined) return { kind: 'number', value: number };
  if (name !== undefined) return { kind: 'name', value: name };
  if (variable !== undefined) return { kind: 'variable', value: variable.toLowerCase() };
  return mark === undefined ? null : { kind: 'mark', value: mark };
}

/** Reads a text of GoogleSQL; comments and spaces are left out. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < sql.length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(sql);
    if (found === null) throw new SqlError(`Syntax error: Unexpected ${JSON.stringify(sql.slice(at, at + 10))}`);
    const token = tokenOf(found.groups ?? {});
    if (token !== null) tokens.push(token);
  }
  return tokens;
}

/** True for a bare word, whatever its case. */
export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'name' && words.includes(token.value.toUpperCase());
}

/** True for a mark. */
export function isMark(token: Token | undefined, ...marks: readonly string[]): boolean {
  return token?.kind === 'mark' && marks.includes(token.value);
}

const OPENING: Readonly<Record<string, number>> = { '(': 1, '[': 1, ')': -1, ']': -1 };

/** Place of the first token that satisfies a test and stands outside of all brackets; -1 where there is none. */
export function findOutside(tokens: readonly Token[], test: (token: Token) => boolean, from = 0): number {
  let depth = 0;
  for (let i = from; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token === undefined) continue;
    if (depth === 0 && test(token)) return i;
    if (token.kind === 'mark') depth += OPENING[token.value] ?? 0;
  }
  return -1;
}

/** Splits at marks outside of all brackets; empty parts at the end are left out. */
export function splitAt(tokens: readonly Token[], mark: string): Token[][] {
  const parts: Token[][] = [];
  let from = 0;
  for (;;) {
    const at = findOutside(tokens, (token) => isMark(token, mark), from);
    const part = tokens.slice(from, at < 0 ? undefined : at);
    if (part.length > 0 || at >= 0) parts.push(part);
    if (at < 0) return parts.filter((found, i) => found.length > 0 || i < parts.length - 1);
    from = at + 1;
  }
}

/** Place behind the bracket that closes the one at `open`. */
export function behind(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token?.kind === 'mark') depth += OPENING[token.value] ?? 0;
    if (depth === 0) return i + 1;
  }
  throw new SqlError('Syntax error: Expected ")" but got end of statement');
}
