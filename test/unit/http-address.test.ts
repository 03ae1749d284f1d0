import { expect, test } from 'vitest';
import type { Request } from '../../src/contract/io.ts';
import { address, hostAndPort, onward } from '../../src/http/address.ts';
import { claimsJson, excerpt } from '../../src/http/gateway.ts';

const get = (path: string, query: Request['query'] = {}): Request => ({ call: 'get', endpoint: 'GET', path, query });

test('base and path are joined whether or not the base ends in a slash', () => {
  for (const base of ['https://h.test/v1', 'https://h.test/v1/', 'https://h.test/v1//']) {
    expect(address(base, get('/users'))?.href).toBe('https://h.test/v1/users');
  }
});

test('an encoded id stays one segment', () => {
  expect(address('https://h.test', get(`/users/${encodeURIComponent('a/b|c?d#e')}`))?.pathname).toBe(
    '/users/a%2Fb%7Cc%3Fd%23e',
  );
});

test.each(['/users/..', '/users/.', '/users/%2e%2E', '/users/../me'])(
  '%s is refused, it would be another path',
  (path) => {
    expect(address('https://h.test', get(path))).toBeNull();
  },
);

test('a query is percent-encoded and undefined values are left out', () => {
  const url = address('https://h.test', get('/u', { cursor: 'a+b/c= &d', limit: 999, all: undefined, on: true }));
  expect(url?.search).toBe('?cursor=a%2Bb%2Fc%3D%20%26d&limit=999&on=true');
});

test('host and port are told without the user part of a URL', () => {
  expect(hostAndPort(new URL('https://me:pw@h.test/x'))).toBe('h.test:443');
  expect(hostAndPort(new URL('http://h.test'))).toBe('h.test:80');
});

test('a redirect is followed within the origin only, and with a body only where it keeps the method', () => {
  const from = new URL('https://h.test/a');
  const post: Request = { ...get('/a'), method: 'POST' };
  expect(onward(200, { location: '/b' }, from, get('/a'))).toBeNull();
  expect(onward(301, { location: '/b' }, from, get('/a'))).toEqual({ follow: new URL('https://h.test/b') });
  expect(onward(308, { location: '/b' }, from, post)).toEqual({ follow: new URL('https://h.test/b') });
  expect(onward(302, { location: '/b' }, from, post)).toEqual({ refuse: 'h.test:443/b' });
  expect(onward(302, { location: 'http://h.test/b' }, from, get('/a'))).toEqual({ refuse: 'http://h.test:80' });
  expect(onward(302, { location: '//evil.test/b' }, from, get('/a'))).toEqual({ refuse: 'https://evil.test:443' });
  expect(onward(302, {}, from, get('/a'))).toEqual({ refuse: 'an address that is none' });
});

test('a page is quoted by its title, else by its first words, on one short line', () => {
  expect(excerpt('<html><head><title>502 Bad\n Gateway</title><body>x')).toBe('502 Bad Gateway');
  expect(excerpt('<style>b{}</style><h1>Sorry</h1>\u001b[31m we are <b>down</b>')).toBe('Sorry [31m we are down');
  expect(excerpt('y'.repeat(500))).toHaveLength(120);
});

test('the content type decides what is JSON; where it says nothing, the first character does', () => {
  expect(claimsJson('application/problem+json; charset=utf-8', '')).toBe(true);
  expect(claimsJson('text/html', '{"a":1}')).toBe(false);
  expect(claimsJson('text/plain', '{"a":1}')).toBe(false);
  expect(claimsJson(undefined, ' {"a":1}')).toBe(true);
  expect(claimsJson(undefined, '<html>')).toBe(false);
});
