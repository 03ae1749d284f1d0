/** An error as the server answers it: with status 200, `success` false, a code and a SQL state. */
export class Failure extends Error {
  readonly code: string;
  readonly sqlState: string;

  constructor(code: string, message: string, sqlState = '42000') {
    super(message);
    this.code = code;
    this.sqlState = sqlState;
  }
}

export const absent = (kind: string, name: string): Failure =>
  new Failure('002003', `SQL compilation error:\n${kind} '${name}' does not exist or not authorized.`, '02000');

/** DuckDB's words as the server's. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const words = error instanceof Error ? error.message : String(error);
  const [, kind, name] = /(Table|View|Schema) with name "?(\S+?)"? does not exist/.exec(words) ?? [];
  if (kind !== undefined && name !== undefined) return absent('Object', name);
  if (/Parser Error|syntax error|statement count/i.test(words))
    return new Failure('001003', `SQL compilation error:\nsyntax error: ${words}`);
  if (/Binder Error/.test(words)) return new Failure('000904', `SQL compilation error: error: ${words}`);
  return new Failure('100038', `${words}`, '22018');
}
