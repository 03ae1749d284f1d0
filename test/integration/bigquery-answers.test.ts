import nock from 'nock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bigquery } from '../../src/warehouses/bigquery.ts';
import { openApi } from '../../src/warehouses/bigquery-client.ts';
import { BigqueryTrouble, isMissing, type TroubleFacts } from '../../src/warehouses/bigquery-trouble.ts';
import { noWaits } from '../support/bigquery.ts';

const HOST = 'https://bigquery.acme.test';

/** What is made of an answer to one request, and how often it was waited for another. */
async function made(status: number, body: object | string): Promise<{ facts: TroubleFacts; waits: number }> {
  nock(HOST)
    .get(/\/datasets\/people/)
    .times(99)
    .reply(status, body, { 'content-type': String(body).startsWith('<') ? 'text/html' : 'application/json' });
  const options = bigquery.options.parse({ project: 'p', dataset: 'people', api_endpoint: HOST, token: 't' });
  const { pace, waited } = noWaits();
  const waiting = (ms: number, reason: string) => waited.push({ ms, reason });
  const api = await openApi(options, { scratch: '.', signal: new AbortController().signal, waiting }, pace);
  try {
    await api.ask({ path: '/datasets/people' });
  } catch (error) {
    if (error instanceof BigqueryTrouble) return { facts: error.facts, waits: waited.length };
    throw error;
  }
  throw new Error('it was taken for a good answer');
}

describe('an answer that is an error', () => {
  beforeEach(() => nock.disableNetConnect());
  afterEach(() => {
    nock.cleanAll();
    nock.enableNetConnect();
  });

  test.each([
    ['which its body repeats', { error: { code: 404, message: 'Not found: x', errors: [{ reason: 'notFound' }] } }],
    ['which its body leaves out', { error: { message: 'Not found: x', errors: [{ reason: 'notFound' }] } }],
    ['without a list of errors', { error: { code: 404, message: 'Not found: x', status: 'NOT_FOUND' } }],
    ['and a text for an error', { error: 'not_found' }],
    ['and nothing else', ''],
  ])('has its status, %s', async (_what, body) => {
    const { facts, waits } = await made(404, body);
    expect(facts).toMatchObject({ status: 404, foreign: false });
    expect(isMissing(facts)).toBe(true);
    expect(waits).toBe(0);
  });

  test('is said in one line', async () => {
    const message = 'Syntax error:\n  Unexpected\r\n\r\nend of input';
    expect((await made(400, { error: { code: 400, message } })).facts.message).toBe(
      'Syntax error: Unexpected end of input',
    );
  });

  test('has words, where it brings none', async () => {
    expect((await made(403, '')).facts.message).toBe('403 without a word');
  });

  test.each(['', '<html>no</html>', { error: 'unauthorized' }])('under 401 is not asked again: %j', async (body) => {
    expect(await made(401, body)).toMatchObject({ facts: { status: 401 }, waits: 0 });
  });
});
