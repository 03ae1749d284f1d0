import { pick, type Random } from './random.ts';

/** Somebody who works at the demo's company; the address is unique to the index it was made with. */
export interface Person {
  readonly first: string;
  readonly last: string;
  readonly email: string;
}

/** How a world is made: of so many people who are drawn by the seed, or of these, who then are all ordinary. */
export interface Population {
  readonly users: number;
  readonly seed: number;
  readonly people?: readonly Person[];
}

const FIRST_NAMES: readonly [string, ...string[]] = [
  ...(['Ada', 'Amara', 'Ana\u00efs', 'Bj\u00f6rn', 'Carlos', 'Chidi', 'Dilnoza', 'Elif', 'Fatima', 'Giulia'] as const),
  ...['Hana', 'Ingrid', 'Jamal', 'Kwame', 'Leila', 'Mateo', 'Nia', 'Omar', 'Priya', 'Quinn', 'Ren\u00e9e', 'Sakura'],
  ...['Tom\u00e1\u0161', 'Uma', 'Viktor', 'Wei', 'Ximena', 'Yusuf', 'Zofia'],
];

const LAST_NAMES: readonly [string, ...string[]] = [
  ...(['Abara', 'Bianchi', 'Castillo', 'Dubois', 'Eriksen', 'Farouk', 'Garc\u00eda', 'Haddad', 'Ivanov'] as const),
  ...['Johansson', 'Kowalski', 'L\u00f3pez', 'M\u00fcller', 'Nakamura', 'Okafor', 'Park', 'Quispe', 'Rossi', 'Singh'],
  ...['Tanaka', 'Usman', 'van der Berg', 'Wang', 'Xu', 'Y\u0131lmaz', 'Zhou'],
];

/** Lower-case ASCII for addresses and slugs. */
export function plain(text: string): string {
  const ascii = text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();
  return ascii.replace(/[^a-z0-9]+/g, '_').replace(/^_|_$/g, '');
}

/** Draws a name, and makes an address of it that the index keeps unique. */
export function makePerson(random: Random, index: number): Person {
  const first = pick(random, FIRST_NAMES);
  const last = pick(random, LAST_NAMES);
  return { first, last, email: `${plain(first)}.${plain(last)}.${index}@acme.test` };
}
