import type { PylonUser } from './user.ts';

/** Turns an ordinary user into one that trips careless code. `index` keeps the result unique where it must be. */
type Oddity = (user: PylonUser, index: number) => PylonUser;

const named =
  (name: string): Oddity =>
  (user) => ({ ...user, name });

function omit(user: PylonUser, ...fields: readonly string[]): PylonUser {
  return { ...Object.fromEntries(Object.entries(user).filter(([field]) => !fields.includes(field))), id: user.id };
}

const ODD_NAMES: readonly string[] = [
  '\u5f20\u4f1f \u7530\u4e2d \uae40\ubbfc\uc900',
  '\u{1F469}\u200d\u{1F469}\u200d\u{1F467}\u200d\u{1F466} Zo\u00eb \u{1F1FA}\u{1F1F8}\u{1F3FD}',
  'Jose\u0301 Z\u0351\u036b\u0343\u036aa\u0334\u0321l\u0489g\u0335o\u0336',
  '\u05e9\u05dc\u05d5\u05dd \u0645\u062d\u0645\u062f \u202egnp.exe\u202c',
  `Miles "Tails" O'Brien, \`Jr.\``,
  'back\\slash \\n \\u0041 C:\\new\\table',
  'first line\nsecond line\r\nthird\tcolumn',
  'Long '.repeat(1000),
  '',
  '   ',
  `Robert'); DROP TABLE users;--`,
  'nul\u0000inside',
  'lone \ud83d surrogate',
  '\ufeffbom, zero\u200bwidth, nbsp\u00a0, separators\u2028\u2029',
  '{"name": "json", "list": [1, null]}',
  '<script>alert(1)</script> &amp; {{template}} %s $1',
  '=HYPERLINK("http://example.test")',
  'null',
];

const REST: readonly Oddity[] = [
  (user) => omit(user, 'name'),
  (user) => ({ ...user, name: null, email: null, emails: null, role: null, avatar_url: null, status: null }),
  (user) => omit(user, 'role'),
  (user) => ({ ...omit(user, 'role'), role_id: '00000000-0000-4000-8000-00000000dead' }),
  (user) => ({ ...user, role_id: '', role: null }),
  (user) => ({ ...user, email: '', emails: [] }),
  (user) => omit(user, 'email', 'emails'),
  ({ id }) => ({ id }),
  (user, index) => ({ ...user, email: ` Mixed.Case${index}@Acme.TEST `, emails: [`Mixed.Case${index}@Acme.TEST`] }),
  (user) => ({ ...user, email: 'shared@acme.test', emails: ['shared@acme.test'] }),
  (user, index) => ({ ...user, emails: Array.from({ length: 60 }, (_, n) => `alias${n}.${index}@acme.test`) }),
  (user, index) => ({ ...user, email: `\u00fcser${index}@m\u00fcnchen.test` }),
  (user) => ({ ...user, avatar_url: `https://files.pylon.test/plain/${'x'.repeat(3000)}.png?size=64&name=%00#top` }),
];

const ODDITIES: readonly Oddity[] = [...ODD_NAMES.map(named), ...REST];

/** One user in this many is odd. */
const EVERY = 20;

/** Makes the user odd when it is his turn; the oddities come in turn, so that a few hundred users hold them all. */
export function maybeOdd(user: PylonUser, index: number): PylonUser {
  if (index % EVERY !== EVERY - 1) return user;
  const oddity = ODDITIES[Math.floor(index / EVERY) % ODDITIES.length];
  return oddity === undefined ? user : oddity(user, index);
}
