import type { Lookup, PagePlan } from 'rollcall/source';
import { cursorPages, defineSource, idOf, instant, presence, text, z } from 'rollcall/source';

/** Where the people are: pages of 100, each with the cursor of the next one, which is null at the end. */
const people: PagePlan = {
  request: (cursor) => ({
    call: 'list',
    endpoint: 'GET /people',
    path: '/people',
    query: { limit: 100, after: cursor ?? undefined },
  }),
  items: 'people',
  more: ({ next }) => ({ more: next !== null, cursor: typeof next === 'string' ? next : null }),
};

/** One person, and how Crewboard says that there is none. Who is gone is found out by this, and by nothing else. */
const one: Lookup = {
  endpoint: 'GET /people/{id}',
  path: '/people',
  user: (body) => body.person,
  missing: (body) => body.error === 'no such person',
};

export default defineSource({
  name: 'crewboard',
  version: 1,
  options: z.strictObject({
    base_url: z.url().describe('Address of your Crewboard'),
    token: z.string().min(1).meta({ secret: true }).describe('Made in Settings, API'),
  }),
  limits: { list: 120, get: 120 },
  fields: [{ column: 'team', path: ['team'], type: 'text', doc: 'Team that the person is in' }],
  api: ({ base_url, token }) => ({ base: base_url, headers: { authorization: `Bearer ${token}` } }),
  reader: (_options, io) => ({
    async account() {
      const { body } = await io.send({ call: 'get', endpoint: 'GET /crew', path: '/crew' });
      return { id: idOf(Object(body), 'id'), name: null };
    },
    async *list(from) {
      for await (const { items, next, last } of cursorPages(io, people, from)) {
        yield { records: items, resume: next, last, active: null };
      }
    },
    absent: (id) => presence(io, one, id),
  }),
  user: (raw) => ({
    user_id: idOf(raw, 'id'),
    email: text(raw, 'mail'),
    name: text(raw, 'name'),
    roles: [{ id: null, name: text(raw, 'job'), slug: null }],
    active: raw.state === 'working',
    created_at: instant(raw, 'joined_at'),
  }),
});
