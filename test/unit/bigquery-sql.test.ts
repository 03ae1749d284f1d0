import { describe, expect, test } from 'vitest';
import { bigqueryDialect, literal } from '../../src/warehouses/bigquery-dialect.ts';
import { bigqueryOptions } from '../../src/warehouses/bigquery-options.ts';
import { FENCED, inlined, queryParameters, transactionText } from '../../src/warehouses/bigquery-script.ts';
import { tokenize } from '../peers/bigquery/tokens.ts';

const NASTY = [
  `it's`,
  '"double"',
  'back\\slash',
  '\\',
  "\\'",
  '`tick`',
  'a\nb\r\tc',
  'nul\u0000',
  '\u2028',
  '?',
  '張\u{1F469}',
  "'''",
  '',
];

describe('a text in GoogleSQL', () => {
  test.each(NASTY)('is one token that says what was meant: %j', (text) => {
    expect(literal(text)).not.toMatch(/[\n\r]/);
    expect(tokenize(literal(text))).toEqual([{ kind: 'text', value: text }]);
  });
});

describe('parameters written into a statement', () => {
  test.each(NASTY)('are texts as they are: %j', (text) => {
    const sql = inlined({ sql: 'select ?, \'?\', `a?b`, "?" from t where x = ?', params: [text, text] });
    const texts = tokenize(sql).filter(({ kind }) => kind === 'text' || kind === 'quoted');
    expect(texts.map(({ value }) => value)).toEqual([text, '?', 'a?b', '?', text]);
  });

  test('are numbers, truth values and nulls of a type', () => {
    expect(inlined({ sql: 'select ?, ?, ?', params: [7, true, null] })).toBe('select 7, true, CAST(NULL AS STRING)');
  });

  test('that a query job takes have types, nulls too', () => {
    expect(queryParameters(['a', 7, 0.5, false, null])).toEqual([
      { parameterType: { type: 'STRING' }, parameterValue: { value: 'a' } },
      { parameterType: { type: 'INT64' }, parameterValue: { value: '7' } },
      { parameterType: { type: 'FLOAT64' }, parameterValue: { value: '0.5' } },
      { parameterType: { type: 'BOOL' }, parameterValue: { value: 'false' } },
      { parameterType: { type: 'STRING' }, parameterValue: { value: null } },
    ]);
  });
});

describe('a transaction', () => {
  test('begins with the fence and takes everything back where that changed no row', () => {
    const text = transactionText({
      id: 'e1-1-aa',
      fence: { sql: 'update t set n = ? where true', params: [1] },
      steps: [{ sql: 'delete from u where x = ?', params: ['a;b'] }],
    });
    expect(text.split('\n')).toEqual([
      'BEGIN TRANSACTION;',
      'update t set n = 1 where true;',
      `IF @@row_count != 1 THEN ROLLBACK TRANSACTION; RAISE USING MESSAGE = '${FENCED}'; END IF;`,
      "delete from u where x = 'a;b';",
      'COMMIT TRANSACTION;',
      '',
    ]);
  });
});

describe('the dialect', () => {
  const d = bigqueryDialect('acme-project', 'people');

  test('names tables by project and dataset', () => {
    expect(d.table('users')).toBe('`acme-project.people.users`');
  });

  test('cuts a source’s time to microseconds, and leaves times of ours alone', () => {
    expect(d.tryCast('s.`created_at`', 'timestamp')).toMatch(/^SAFE_CAST\(REGEXP_REPLACE\(s\.`created_at`, /);
    expect(d.tryCast(`'2026-11-01T10:00:00.000000Z'`, 'timestamp')).toBe(
      `SAFE_CAST('2026-11-01T10:00:00.000000Z' AS TIMESTAMP)`,
    );
    expect(d.tryCast('?', 'timestamp')).toBe('SAFE_CAST(? AS TIMESTAMP)');
  });

  test('widens a table in one statement', () => {
    const columns = [
      { name: 'a', type: 'text' },
      { name: 'b', type: 'json' },
    ] as const;
    expect(d.addColumns('users', columns)).toEqual([
      'ALTER TABLE `acme-project.people.users` ADD COLUMN IF NOT EXISTS `a` STRING, ADD COLUMN IF NOT EXISTS `b` JSON',
    ]);
  });

  test('quotes what is no plain name in a path', () => {
    expect(d.jsonText('raw', ['job', 'title'])).toBe(`JSON_VALUE(raw, '$.job.title')`);
    expect(d.jsonText('raw', ['first name', 'x.y'])).toBe(`JSON_VALUE(raw, '$."first name"."x.y"')`);
  });
});

describe('the options', () => {
  const base = { project: 'acme-project', dataset: 'people' };
  const problems = (options: Record<string, unknown>): string[] =>
    (bigqueryOptions.safeParse({ ...base, ...options }).error?.issues ?? []).map(({ path }) => path.join('.'));

  test('need a project and a dataset', () => {
    expect(bigqueryOptions.parse(base)).toEqual({ ...base, labels: {}, staging_hours: 24 });
    expect(problems({ project: undefined, dataset: undefined })).toEqual(['project', 'dataset']);
  });

  test.each([
    [{ project: '`acme`' }, ['project']],
    [{ dataset: 'my-dataset' }, ['dataset']],
    [{ location: 'Frankfurt am Main' }, ['location']],
    [{ labels: { Team: 'it' } }, ['labels.Team']],
    [{ labels: { team: 'IT' } }, ['labels.team']],
    [{ maximum_bytes_billed: 0 }, ['maximum_bytes_billed']],
    [{ staging_hours: 0 }, ['staging_hours']],
    [{ token: 'x' }, ['token']],
    [{ token: 'x', api_endpoint: 'http://127.0.0.1:1', credentials_file: 'key.json' }, ['credentials_file']],
    [{ api_endpoint: 'http://127.0.0.1:1' }, ['token']],
    [{ api_endpoint: 'ftp://127.0.0.1:1', token: 'x' }, ['api_endpoint']],
  ])('refuse %j', (options, paths) => {
    expect(problems(options)).toEqual(paths);
  });

  test.each([
    [{ api_endpoint: 'https://europe-west3-bigquery.googleapis.com' }],
    [{ api_endpoint: 'http://127.0.0.1:9050/', token: 'x' }],
    [{ project: 'example.com:legacy' }],
    [{ location: 'europe-west3' }],
  ])('take %j', (options) => {
    expect(problems(options)).toEqual([]);
  });
});
