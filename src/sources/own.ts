// The module `rollcall/source`: what a file with somebody's own source is made of. docs/sources/own.md explains it.
import { z } from 'zod';
import type { Call, Io } from '../contract/io.ts';
import { isObject, type JsonObject } from '../contract/json.ts';
import type { Api, Chosen, Chunk, Field, Reader, Refs, Source } from '../contract/source.ts';
import type { UserRecord } from '../contract/user.ts';
import type { Writes } from '../contract/writes.ts';
import { BadRecord, RollcallError } from '../errors.ts';
import { ownerOf } from '../http/patience.ts';
import { bounded } from './lookup.ts';
import { recordOf } from './own-columns.ts';
import { idOf, joinable, unlessBad } from './record.ts';

export { z } from 'zod';
export type { Answer, Call, Io, Request } from '../contract/io.ts';
export { isObject, type Json, type JsonObject } from '../contract/json.ts';
export type { Account, Api, Chosen, Chunk, Field, Reader, Refs, Source, Verdict } from '../contract/source.ts';
export type { Role, UserRecord } from '../contract/user.ts';
export type { Changes, FieldValue, Setting, Target, WriteField, WriteStep, Writes } from '../contract/writes.ts';
export { BadRecord, RollcallError } from '../errors.ts';
export { type OffsetPlan, offsetPages } from '../http/offset-pages.ts';
export { cursorPages, type PagePlan } from '../http/pages.ts';
export { wholeList } from '../http/whole-list.ts';
export { apiBase } from './base.ts';
export { type Lookup, lookUp, lookUpEach, presence } from './lookup.ts';
export { firstText, idOf, instant, joinable, object, role, text, texts } from './record.ts';

/** A reader of one's own: the listing is all that it must have. */
export type OwnReader = Pick<Reader, 'list'> & Partial<Reader>;

/** A source of one's own: what is left out is filled in by `defineSource`. */
export interface OwnSource<Options> {
  /** Small letters, digits and underscores; stands in each row and names the view `<name>_users`. */
  readonly name: string;
  /** Raise it when the mapping changes: then every row is written again once. Default 1. */
  readonly version?: number;
  readonly options: Source<Options>['options'];
  /** Requests a minute by kind of call. Default: no budget. */
  readonly limits?: Partial<Readonly<Record<Call, number>>>;
  readonly fields?: readonly Field[];
  /** Default `id`. */
  readonly id?: string;
  readonly exclude?: readonly string[];
  readonly volatile?: readonly string[];
  readonly instants?: readonly string[];
  readonly impliesActive?: boolean;
  readonly thinListing?: boolean;
  readonly blindLookups?: boolean;
  api(options: Options): Omit<Api, 'failure'> & Partial<Pick<Api, 'failure'>>;
  reader(options: Options, io: Io): OwnReader;
  /** The columns of `users`; those left out are null, and `emails` are then the address alone. */
  user(
    raw: JsonObject,
    refs: Refs,
    active: boolean | null,
  ): Pick<UserRecord, 'user_id'> & Partial<Omit<UserRecord, 'user_id'>>;
  referred?(raw: JsonObject, refs: Refs): string;
  /** What can be written to its users. Default: nothing. */
  readonly writes?: Writes;
}

const NO_LOOKUP =
  'this source cannot look users up: its reader has no `absent`. With `deletes.proof: scans` two complete scans in a row prove who left';

const NO_LIMITS = { list: 0, get: 0, search: 0, write: 0 };

/** The words of an error body of most APIs. */
const failure: Api['failure'] = (_status, body) => {
  const said = isObject(body) ? (body.message ?? body.error) : undefined;
  return typeof said === 'string' ? { message: said } : {};
};

/** Finds users in the whole listing, where the source has no shorter way. */
async function* amongAll(source: Source, listing: AsyncIterable<Chunk>, by: Chosen): AsyncIterable<JsonObject> {
  const wanted = new Set('ids' in by ? by.ids : by.emails.map(joinable));
  if (wanted.size === 0) return;
  for await (const { records, active } of listing) {
    for (const record of records.filter((one) => isObject(one))) {
      const key = unlessBad(() =>
        'ids' in by
          ? idOf(record, source.id)
          : source.user(record, { roles: new Map(), teams: new Map() }, active).email,
      );
      if (key !== null && wanted.has(key)) yield record;
    }
  }
}

/** Makes a whole source of one's own parts. The file's default export is what this returns. */
export function defineSource<Options>(own: OwnSource<Options>): Source<Options> {
  const source: Source<Options> = {
    version: 1,
    fields: [],
    id: 'id',
    exclude: [],
    volatile: [],
    impliesActive: false,
    referred: () => '',
    ...own,
    limits: { ...NO_LIMITS, ...own.limits },
    api: (options) => ({ failure, ...own.api(options) }),
    reader(options, io) {
      const { base } = own.api(options);
      const given = own.reader(options, io);
      return {
        unsignedCut: false,
        account: async () => ({ id: new URL(base).hostname, name: null }),
        refs: async () => ({ roles: new Map(), teams: new Map() }),
        find: (by) => amongAll(source, bounded(given.list(null), ownerOf(io)), by),
        absent: async () => {
          throw new RollcallError('permission', NO_LOOKUP, { step: 'look up users' });
        },
        ...given,
      };
    },
    user(raw, refs, active) {
      const user = recordOf(own.user(raw, refs, active), active);
      const id = idOf(raw, source.id);
      if (user.user_id === id) return user;
      const words = `user gave another one (${user.user_id}). Where \`${source.id}\` is not the key of the id, name it as \`id\``;
      throw new BadRecord(`${source.id}: the id of the record is ${id}, and ${words}`);
    },
  };
  return source;
}

/** Would name the view that all sources share. */
const SHARED_VIEW = 'current';

/** Columns that every view has already, beside those that a record fills. */
const OURS = ['connection', 'user_id', 'first_seen_at', 'changed_at'];

/** Two columns of one name are none that a view can have. */
const apart = (fields: readonly { readonly column: string }[]): boolean =>
  new Set([...OURS, ...fields.map(({ column }) => column)]).size === OURS.length + fields.length;

const paths = z.array(z.string().min(1)).optional();
const limit = z.int().min(0).optional();

const shape = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,39}$/, 'must be small letters, digits and underscores')
    .refine((name) => name !== SHARED_VIEW, 'is taken: current_users is the view of all sources'),
  options: z.custom<Source['options']>(
    (given) => isFunction(Reflect.get(Object(given), 'safeParse')),
    'must be a zod schema',
  ),
  api: z.custom<unknown>(isFunction, 'must be a function'),
  reader: z.custom<unknown>(isFunction, 'must be a function'),
  user: z.custom<unknown>(isFunction, 'must be a function'),
  version: z.int().min(1).optional(),
  id: z.string().min(1).optional(),
  limits: z.object({ list: limit, get: limit, search: limit, write: limit }).optional(),
  fields: z
    .array(
      z.object({
        column: z.string().regex(/^[a-z][a-z0-9_]*$/, 'must be small letters, digits and underscores'),
        path: z.array(z.string().min(1)).min(1),
        type: z.enum(['text', 'boolean', 'integer', 'timestamp', 'json']),
      }),
    )
    .refine(apart, `must each have a column of its own, and none of ${OURS.join(', ')}`)
    .optional(),
  exclude: paths,
  volatile: paths,
  instants: paths,
});

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

/** What a file exports as its source, made whole; or what is wrong with it, in words. */
export function checkOwn(exported: unknown): { readonly source: Source } | { readonly problem: string } {
  if (typeof exported !== 'object' || exported === null) {
    return { problem: 'has no source as its default export: write `export default defineSource({ … })`' };
  }
  const checked = shape.safeParse(exported);
  if (!checked.success) {
    const said = checked.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    return { problem: `exports no whole source: ${said.join('; ')}` };
  }
  // Its functions can only be tried; that they are there was just checked.
  return { source: defineSource(exported as OwnSource<unknown>) };
}
