import { Dialect, init, transpile } from '@polyglot-sql/sdk';
import { callsOf, closing } from './text.ts';

const ready = init();

const JSON_STEP = / -> ('\$[^']*') AS (TEXT|VARCHAR)$/;

/** `CAST(x -> '$.key' AS TEXT)` is Snowflake's text of a value; DuckDB would keep the quotes of a JSON string. */
function textOfJson(sql: string): string {
  let out = sql;
  for (const at of callsOf(sql, 'CAST').reverse()) {
    const end = closing(out, at + 'CAST'.length);
    const inner = out.slice(at + 'CAST('.length, end);
    const step = JSON_STEP.exec(inner);
    if (step === null) continue;
    out = `${out.slice(0, at)}((${inner.slice(0, step.index)}) ->> ${step[1]})${out.slice(end + 1)}`;
  }
  return out;
}

const FORMATS: readonly (readonly [snowflake: RegExp, duckdb: string])[] = [
  [/YYYY/g, '%Y'],
  [/MM/g, '%m'],
  [/DD/g, '%d'],
  [/HH24/g, '%H'],
  [/MI/g, '%M'],
  [/SS/g, '%S'],
  [/FF6/g, '%f'],
  [/FF3/g, '%g'],
  [/"([^"]*)"/g, '$1'],
];

/** Snowflake's time formats as strftime's. */
function formats(sql: string): string {
  return sql.replaceAll(/'[^']*(?:YYYY|HH24)[^']*'/g, (format) =>
    FORMATS.reduce((text, [from, to]) => text.replaceAll(from, to), format),
  );
}

const FLATTEN = /LATERAL UNNEST\(INPUT => ([^)]+)\) AS (\w+)\([^)]*\)/g;

/** Nulls are left out of an ARRAY_AGG by a filter whose argument stays untranslated; what is aggregated here is never null. */
function unfiltered(sql: string): string {
  let out = sql;
  for (const at of callsOf(sql, 'FILTER').reverse()) {
    const end = closing(out, at + 'FILTER'.length);
    out = out.slice(0, at) + out.slice(end + 1);
  }
  return out;
}

/** What polyglot leaves of Snowflake in DuckDB's SQL. */
function finished(sql: string): string {
  const unnested = unfiltered(sql).replaceAll(
    FLATTEN,
    "LATERAL (SELECT UNNEST(JSON_EXTRACT($1, '$$[*]')) AS VALUE) AS $2",
  );
  return formats(textOfJson(unnested))
    .replaceAll(/\bVARIANT\b/g, 'JSON')
    .replaceAll(/\bDECIMAL\(38, 0\)/g, 'HUGEINT');
}

/** One Snowflake statement as DuckDB's. Throws what the parser says. */
export async function toDuckdb(sql: string): Promise<string> {
  await ready;
  const { success, sql: found, error } = transpile(sql, Dialect.Snowflake, Dialect.DuckDB);
  const [only, ...others] = found ?? [];
  if (!success || only === undefined) throw new Error(error ?? 'syntax error');
  if (others.length > 0) throw new Error('Actual statement count 2 did not match the desired statement count 1.');
  return finished(only);
}
