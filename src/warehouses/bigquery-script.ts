import type { Param, Script, Statement } from '../contract/warehouse.ts';
import { literal } from './bigquery-dialect.ts';

/** What a script whose fence changed no row fails with. */
export const FENCED = 'rollcall: the fence was not passed';

/** Quoted names, texts (both with backslash escapes), and the marks of parameters. */
const MARKS = /`[^`]*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\?/gs;

function value(param: Param | undefined): string {
  // A bare NULL has no type of its own: in a UNION it would become a number.
  if (param === null || param === undefined) return 'CAST(NULL AS STRING)';
  return typeof param === 'string' ? literal(param) : String(param);
}

/**
 * The statement with its parameters written into it. A script of several statements has one list of parameters for all
 * of them; written in, each statement stands for itself.
 */
export function inlined({ sql, params }: Statement): string {
  let next = 0;
  return sql.replaceAll(MARKS, (found) => {
    if (found !== '?') return found;
    next += 1;
    return value(params[next - 1]);
  });
}

/** One transaction, as one job. Any error in it takes everything back. */
export function transactionText({ fence, steps }: Script): string {
  const lines = [
    'BEGIN TRANSACTION',
    inlined(fence),
    `IF @@row_count != 1 THEN ROLLBACK TRANSACTION; RAISE USING MESSAGE = ${literal(FENCED)}; END IF`,
    ...steps.map(inlined),
    'COMMIT TRANSACTION',
  ];
  return lines.map((line) => `${line};\n`).join('');
}

function typeOf(param: Param): string {
  if (typeof param === 'boolean') return 'BOOL';
  if (typeof param === 'number') return Number.isInteger(param) ? 'INT64' : 'FLOAT64';
  return 'STRING';
}

/** Parameters as a query job takes them. A null is text unless the statement casts it. */
export function queryParameters(params: readonly Param[]): readonly object[] {
  return params.map((param) => ({
    parameterType: { type: typeOf(param) },
    parameterValue: { value: param === null ? null : String(param) },
  }));
}
