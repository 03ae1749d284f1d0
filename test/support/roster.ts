import { z } from 'zod';
import type { Json, JsonObject } from '../../src/contract/json.ts';
import type { Chunk, Reader, Refs, Source, Verdict } from '../../src/contract/source.ts';
import { RollcallError } from '../../src/errors.ts';
import { idOf, joinable, text } from '../../src/sources/record.ts';
import type { World } from './world.ts';

/** What kind of API the invented source has. */
export interface Flavour {
  readonly pageSize: number;
  /** False: the whole listing is one answer, handed on in pieces that have no cursors. */
  readonly cursors: boolean;
  /** Being listed is what says that an account is on. */
  readonly impliesActive: boolean;
  /** Accounts that are off are in a second listing. */
  readonly both: boolean;
  readonly unsignedCut: boolean;
  /** Version of the mapping. */
  readonly version: number;
}

/** How the server behaves in one run, beside what a plan does to it. */
export interface Mood {
  /** From this lookup on everybody is "not found", himself who is there too. */
  illFrom: number;
  forbidden: boolean;
  /** So many cursors are refused. */
  refusedCursors: number;
}

/** Told what the source says, and before it says it. */
export interface Ear {
  /** Before an answer; it may throw. */
  before(request: 'page' | 'absent'): void;
  after(request: 'absent'): void;
  /** A listing is read from its beginning or a cursor: what was given before and not recorded is given again. */
  began(): void;
  chunk(chunk: Chunk): void;
  refs(roles: ReadonlyMap<string, string>): void;
  answered(id: string, verdict: Verdict, gone: boolean): void;
}

const TEAM = { id: 't1', name: 'Crew', raw: { id: 't1', name: 'Crew', users: [{ id: 'u1' }] } };

/** The pieces of a listing; an empty listing has one, too. */
function* pieces(all: readonly Json[], size: number): Iterable<readonly Json[]> {
  for (let at = 0; at === 0 || at < all.length; at += size) yield all.slice(at, at + size);
}

const on = (world: World): Json[] => [...world.listing(), ...world.oddities];

/** Everybody who has an account, on or off. */
const everybody = (world: World): Json[] => [
  ...world.listing(),
  ...[...world.people.values()].filter(({ account }) => account === 'off').map(({ record }) => record),
];

async function* answerWhole(world: World, { pageSize, both }: Flavour, second: boolean, ear: Ear) {
  ear.before('page');
  const all = second ? everybody(world) : on(world);
  const parts = [...pieces(all, pageSize)];
  for (const [i, records] of parts.entries()) {
    if (i > 0) ear.before('page');
    const ends = i === parts.length - 1;
    yield { records, ends, resume: ends && both && !second ? 'off:0' : null };
  }
}

async function* answerPages(world: World, { pageSize, both }: Flavour, from: string, ear: Ear) {
  const [which = 'on', offset = '0'] = from.split(':');
  for (let at = Number(offset); ; at += pageSize) {
    ear.before('page');
    const all = which === 'off' ? everybody(world) : on(world);
    const ends = at + pageSize >= all.length;
    const resume = ends ? (both && which === 'on' ? 'off:0' : null) : `${which}:${at + pageSize}`;
    yield { records: all.slice(at, at + pageSize), ends, resume };
    if (ends) return;
  }
}

async function* list(world: World, flavour: Flavour, from: string | null, ear: Ear): AsyncIterable<Chunk> {
  const { both, cursors, impliesActive } = flavour;
  const chunk = (part: { records: readonly Json[]; ends: boolean; resume: string | null }, second: boolean): Chunk => ({
    records: part.records,
    resume: part.resume,
    last: part.ends && (second || !both),
    active: impliesActive ? !second : null,
    unlessSeen: second,
  });
  for (const second of [false, true]) {
    if ((second && !both) || (!second && from?.startsWith('off:') === true)) continue;
    const start = from?.startsWith(second ? 'off:' : 'on:') === true ? from : second ? 'off:0' : 'on:0';
    const parts = cursors ? answerPages(world, flavour, start, ear) : answerWhole(world, flavour, second, ear);
    for await (const part of parts) {
      const said = chunk(part, second);
      ear.chunk(said);
      yield said;
    }
  }
}

function absent(world: World, { both, impliesActive }: Flavour, id: string): Verdict {
  const person = world.people.get(id);
  if (person === undefined || person.account === 'gone') return { absence: 'gone' };
  const { account, record } = person;
  if (account === 'listed' || both) return { absence: 'present', record };
  return { absence: 'inactive', record: impliesActive ? record : { ...record, enabled: false } };
}

/** One connection's view of the world. */
export function rosterReader(world: World, flavour: Flavour, mood: Mood, ear: Ear): Reader {
  let lookups = 0;
  const ask = async (id: string): Promise<Verdict> => {
    ear.before('absent');
    if (mood.forbidden) throw new RollcallError('permission', 'this credential may not look users up', { status: 403 });
    lookups += 1;
    const truth = absent(world, flavour, id);
    const verdict: Verdict = lookups >= mood.illFrom ? { absence: 'gone' } : truth;
    ear.answered(id, verdict, truth.absence === 'gone');
    ear.after('absent');
    return verdict;
  };
  return {
    unsignedCut: flavour.unsignedCut,
    account: async () => ({ id: 'acme', name: 'Acme' }),
    refs: async () => {
      ear.refs(new Map(world.roles));
      const role = ([id, name]: readonly [string, string]) =>
        [id, { id, name, slug: null, raw: { id, name } }] as const;
      return { roles: new Map([...world.roles].map(role)), teams: new Map([[TEAM.id, TEAM]]) };
    },
    list: (from) => {
      ear.began();
      if (from !== null && mood.refusedCursors > 0) {
        mood.refusedCursors -= 1;
        return refusing();
      }
      return list(world, flavour, from, ear);
    },
    find: async function* () {
      yield* [];
    },
    absent: ask,
  };
}

async function* refusing(): AsyncIterable<Chunk> {
  yield* [];
  throw new RollcallError('transient', 'the cursor has expired', { status: 410, cursorRefused: true });
}

const roleName = (raw: JsonObject, refs: Refs): string | null => refs.roles.get(String(raw.role_id))?.name ?? null;

/** The invented source: reading it is the reader's business, mapping is here. */
export function rosterSource(flavour: Flavour): Source {
  return {
    name: 'roster',
    version: flavour.version,
    options: z.object({}),
    limits: { list: 0, get: 0, search: 0, write: 0 },
    fields: [],
    id: 'id',
    exclude: [],
    volatile: [],
    impliesActive: flavour.impliesActive,
    api: () => {
      throw new Error('this source has no API');
    },
    reader: () => {
      throw new Error('the reader is made by the test');
    },
    user: (raw, refs, active) => ({
      user_id: idOf(raw, 'id'),
      email: joinable(text(raw, 'email')),
      emails: [],
      name: text(raw, 'name'),
      first_name: null,
      last_name: null,
      roles: [{ id: text(raw, 'role_id'), name: roleName(raw, refs), slug: null }],
      active: active ?? raw.enabled === true,
      availability: null,
      avatar_url: null,
      created_at: text(raw, 'created_at'),
      updated_at: null,
    }),
    referred: (raw, refs) => roleName(raw, refs) ?? '',
  };
}
