import { expect, test } from 'vitest';
import { headerSecrets, redactor } from '../../src/http/redact.ts';

const SECRET = 'p/ss"w+rd 1';

test.each([
  ['as it is', SECRET],
  ['percent-encoded', encodeURIComponent(SECRET)],
  ['percent-encoded in lower case', encodeURIComponent(SECRET).toLowerCase()],
  ['form-encoded', new URLSearchParams({ s: SECRET }).toString().slice(2)],
  ['in base64', Buffer.from(SECRET).toString('base64')],
  ['in base64 for URLs', Buffer.from(SECRET).toString('base64url')],
  ['escaped as JSON', JSON.stringify(SECRET).slice(1, -1)],
])('a secret is replaced %s', (_form, text) => {
  expect(redactor([SECRET])(`before ${text} after ${text}`)).toBe('before *** after ***');
});

test('a longer secret leaves no rest when a shorter one is its beginning', () => {
  expect(redactor(['abcd', 'abcd-efgh'])('key abcd-efgh')).toBe('key ***');
});

test('credentials are taken from headers with and without their scheme, harmless headers are not', () => {
  const secrets = headerSecrets({
    Authorization: 'Bearer tok_12345',
    accept: 'application/json',
    'x-tenant-id': 'acme',
  });
  const redact = redactor(secrets);
  expect(redact('Bearer tok_12345, then tok_12345 of acme for application/json')).toBe(
    '***, then *** of acme for application/json',
  );
});

test('words too short to be secrets leave the text readable', () => {
  expect(redactor(['', 'a'])('a banana')).toBe('a banana');
});
