import type { Json } from '../contract/json.ts';
import type { ReadOptions, Row } from '../contract/warehouse.ts';
import { parseJson } from '../http/json.ts';
import type { Api, Resource } from './bigquery-client.ts';
import { part } from './bigquery-jobs.ts';
import { BigqueryTrouble } from './bigquery-trouble.ts';
import { instant, integer, lowered } from './plain.ts';

/** A column of a result. */
interface Field {
  readonly name: string;
  readonly type: string;
  readonly repeated: boolean;
  readonly fields: readonly Field[];
}

/** The objects of a list in an answer. */
export const listOf = (value: unknown): readonly Resource[] =>
  Array.isArray(value) ? value.filter((item): item is Resource => typeof item === 'object' && item !== null) : [];

function fieldsOf(schema: Resource): Field[] {
  return listOf(schema.fields).map((field) => ({
    name: String(field.name),
    type: String(field.type),
    repeated: field.mode === 'REPEATED',
    fields: fieldsOf(field),
  }));
}

/** Microseconds since 1970: asked for as an integer, but some servers answer seconds with a fraction all the same. */
function micros(text: string): bigint {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  return BigInt(Math.round(Number(text) * 1_000_000));
}

const whole = (text: string): number | string => (/^-?\d+$/.test(text) ? integer(BigInt(text)) : Number(text));

const SCALARS: Readonly<Record<string, (text: string) => unknown>> = {
  INTEGER: whole,
  INT64: whole,
  FLOAT: Number,
  FLOAT64: Number,
  BOOLEAN: (text) => text === 'true',
  BOOL: (text) => text === 'true',
  TIMESTAMP: (text) => (/^\d{4}-/.test(text) ? text : instant(micros(text))),
  JSON: (text): Json => parseJson(text),
};

/** A float that JSON cannot hold stays text. */
function finite(value: unknown, text: string): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? text : value;
}

function one(field: Field, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (field.type === 'RECORD' || field.type === 'STRUCT') {
    return typeof value === 'object' ? rowOf(field.fields, { ...value }) : null;
  }
  const text = String(value);
  const scalar = SCALARS[field.type];
  return scalar === undefined ? text : finite(scalar(text), text);
}

function cell(field: Field, value: unknown): unknown {
  if (!field.repeated) return one(field, value);
  return listOf(value).map((item) => one(field, item.v));
}

/** The columns of a result, their names as they are shown. */
function shown(schema: Resource): Field[] {
  const fields = fieldsOf(schema);
  const names = lowered(fields.map(({ name }) => name));
  return fields.map((field, i) => ({ ...field, name: names[i] ?? field.name }));
}

function rowOf(fields: readonly Field[], row: Resource): Row {
  const cells = listOf(row.f);
  return Object.fromEntries(fields.map((field, i) => [field.name, cell(field, cells[i]?.v)]));
}

/** The rows in an answer that does not bring their schema along. */
export function listed(schema: Resource, answer: Resource): Row[] {
  const fields = shown(schema);
  return listOf(answer.rows).map((row) => rowOf(fields, row));
}

/** Where a finished query's rows are. */
interface Result {
  readonly id: string;
  readonly location: string | undefined;
}

/** Most rows in one answer. */
const PAGE = 10_000;

async function pageOf(api: Api, { id, location }: Result, pageToken: string | undefined): Promise<Resource> {
  const place = { ...(location === undefined ? {} : { location }), ...(pageToken === undefined ? {} : { pageToken }) };
  const qs = { maxResults: PAGE, 'formatOptions.useInt64Timestamp': 'true', ...place };
  for (let n = 0; ; n += 1) {
    const { body } = await api.ask({ path: `/queries/${id}`, qs, fresh: true });
    if (body.jobComplete !== false) return body;
    await api.poll(n);
  }
}

/** The rows of a finished query, page by page. */
export async function* rowsOf(api: Api, result: Result, { columns }: ReadOptions = {}): AsyncIterable<Row> {
  let fields: Field[] | null = null;
  let read = 0;
  for (let pageToken: string | undefined; ; ) {
    const body = await pageOf(api, result, pageToken);
    if (fields === null) {
      fields = shown(part(body, 'schema'));
      columns?.(fields.map(({ name }) => name));
    }
    for (const row of listOf(body.rows)) {
      read += 1;
      yield rowOf(fields, row);
    }
    pageToken = typeof body.pageToken === 'string' && body.pageToken !== '' ? body.pageToken : undefined;
    if (pageToken !== undefined) continue;
    const total = Number(body.totalRows ?? read);
    if (read === total) return;
    // Rows that are missing without a word would be taken for users who are not there.
    throw new BigqueryTrouble({ status: 502, reason: '', message: `the result has ${total} rows, ${read} arrived` });
  }
}
