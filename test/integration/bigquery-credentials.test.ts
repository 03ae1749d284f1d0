import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import nock from 'nock';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bigquery } from '../../src/warehouses/bigquery.ts';
import { openDataset } from '../../src/warehouses/bigquery-session.ts';
import { noWaits } from '../support/bigquery.ts';
import { emptyFolder } from '../support/cli.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY = {
  type: 'service_account',
  private_key_id: 'k1',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  client_email: 'rollcall@acme-project.iam.gserviceaccount.com',
};

/** Opens a dataset with a key file of this content, and tells what was waited for. */
async function opening(content: unknown) {
  const file = join(emptyFolder(), 'key.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  const options = bigquery.options.parse({ project: 'acme-project', dataset: 'people', credentials_file: file });
  const { pace, waited } = noWaits();
  const waiting = (ms: number, reason: string) => waited.push({ ms, reason });
  const context = { scratch: '.', signal: new AbortController().signal, waiting };
  return { opened: openDataset(options, 'read', context, pace), waited };
}

const token = () => nock('https://oauth2.googleapis.com').post('/token');
const dataset = () =>
  nock('https://bigquery.googleapis.com').get(/\/bigquery\/v2\/projects\/acme-project\/datasets\/people/);

describe('a key file', () => {
  beforeEach(() => nock.disableNetConnect());
  afterEach(() => {
    nock.cleanAll();
    nock.enableNetConnect();
    vi.restoreAllMocks();
  });

  test('of a service account is what the requests are signed with, without a word on the terminal', async () => {
    const warned = vi.spyOn(console, 'warn');
    token().reply(200, { access_token: 'made-of-the-key', expires_in: 3600, token_type: 'Bearer' });
    dataset().matchHeader('authorization', 'Bearer made-of-the-key').reply(200, { location: 'EU' });
    expect((await (await opening(KEY)).opened)?.location).toBe('EU');
    expect(warned).not.toHaveBeenCalled();
  });

  test('that Google does not accept any more ends it as auth, and is not asked about again', async () => {
    token().reply(400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' });
    const { opened, waited } = await opening(KEY);
    await expect(opened).rejects.toMatchObject({ kind: 'auth', message: expect.stringMatching(/key\.json.*new key/) });
    expect(waited).toEqual([]);
  });

  test.each([
    ['is no JSON', 'not json {', /is no key file/],
    ['is no object', '[]', /is no key file/],
    ['has no key', { ...KEY, private_key: undefined }, /no private_key/],
    ['has a damaged key', { ...KEY, private_key: KEY.private_key.slice(0, 200) }, /private_key that cannot be read/],
    ['is of a kind that is not known', { type: 'a_new_kind' }, /of type a_new_kind.*GOOGLE_APPLICATION_CREDENTIALS/],
  ])('that %s is a wrong setting, said before anything is sent', async (_what, content, words) => {
    const { opened, waited } = await opening(content);
    const message = expect.stringMatching(words);
    await expect(opened).rejects.toMatchObject({ kind: 'config', message });
    await expect(opened).rejects.toThrow(/^warehouse\.credentials_file: /);
    expect(waited).toEqual([]);
  });
});
