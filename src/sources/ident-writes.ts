import type { Answer } from '../contract/io.ts';
import { isObject, type JsonObject } from '../contract/json.ts';
import type { FieldValue, Setting, Target, WriteField, WriteStep, Writes } from '../contract/writes.ts';
import { BadRecord } from '../errors.ts';
import { text } from './record.ts';
import { filled, settingOf } from './write-values.ts';

const BOTH = ['create', 'update'] as const;

const field = (name: string, kind: WriteField['kind'], doc: string): WriteField => ({
  name,
  kind,
  path: name,
  ops: BOTH,
  doc,
});

const ADDRESS = /^[^\s@]+@[^\s@]+$/u;

/** Ident stores whatever it is given as an address, so that a slip would be found by the person who cannot log in. */
function change(setting: Setting, { raw }: Target): readonly [FieldValue, FieldValue] {
  const before = text(raw ?? {}, setting.field);
  if (setting.field === 'email' && !ADDRESS.test(filled(setting)))
    throw new BadRecord(`email: ${JSON.stringify(setting.value)} is no address`);
  return [before, setting.value === '' ? null : String(setting.value)];
}

/** Never with an `id`: a body that has one makes a second user. */
function body({ settings }: Target, fields: readonly string[]): JsonObject {
  return Object.fromEntries(
    fields.flatMap((name) => {
      const setting = settingOf(settings, name);
      return setting === undefined ? [] : [[name, String(setting.value)]];
    }),
  );
}

function created({ body: said }: Answer): JsonObject | null {
  const user = isObject(said) && isObject(said.user) ? said.user : said;
  return isObject(user) && text(user, 'id') !== null ? user : null;
}

/** Done is said with 204 and nothing else. */
const isDone = ({ status }: Answer): boolean => status === 204;

function steps(target: Target, changes: Readonly<Record<string, unknown>>): WriteStep[] {
  const fields = Object.keys(changes);
  if (target.op === 'create') {
    const request = { call: 'write', endpoint: 'POST /users', method: 'POST', path: '/users' } as const;
    return [
      { fields, request: { ...request, body: body(target, fields) }, accepts: (answer) => created(answer) !== null },
    ];
  }
  const one = { call: 'write', path: `/users/${encodeURIComponent(target.id ?? '')}` } as const;
  if (target.op === 'delete')
    return [{ fields: [], request: { ...one, endpoint: 'DELETE /users/{id}', method: 'DELETE' }, accepts: isDone }];
  const put = { ...one, endpoint: 'PUT /users/{id}', method: 'PUT' } as const;
  return [{ fields, request: { ...put, body: body(target, fields) }, accepts: isDone }];
}

/** What Ident documents: `POST`, `PUT` (partial) and `DELETE` of users. A user without a password is a virtual one. */
export const identWrites: Writes = {
  ops: ['create', 'update', 'delete'],
  fields: [
    field('email', 'text', 'Address, stored in the case it is written in'),
    field('first_name', 'text', 'First name'),
    field('last_name', 'text', 'Last name'),
    field('password', 'secret', 'Password, by reference or on stdin'),
  ],
  change,
  steps,
  created,
};
