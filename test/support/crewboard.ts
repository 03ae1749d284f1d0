import { type LocalServer, startApi } from '../../src/demo/local/api.ts';
import { Refusal } from '../../src/demo/local/refusal.ts';
import type { Asked, Endpoint } from '../../src/demo/local/route.ts';
import type { Reply } from '../../src/demo/local/send.ts';

/** A person as Crewboard, the invented system of examples/crewboard-source.ts, has him. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly mail: string;
  readonly team: string;
  readonly job: string;
  readonly state: 'working' | 'left';
  readonly joined_at: string;
}

/** A running Crewboard. */
export interface CrewboardApi extends LocalServer {
  readonly token: string;
  /** In listing order; null where somebody was removed. */
  readonly people: (Person | null)[];
}

const json = (body: unknown, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

function makePerson(index: number): Person {
  return {
    id: `p${index}`,
    name: `Person ${index}`,
    mail: `Person.${index}@acme.test`,
    team: index % 2 === 0 ? 'Kitchen' : 'Bar',
    job: index % 10 === 0 ? 'Chef' : 'Cook',
    state: index % 9 === 8 ? 'left' : 'working',
    joined_at: `2026-01-01T00:00:${String(index % 60).padStart(2, '0')}+02:00`,
  };
}

function list(people: readonly (Person | null)[], { query }: Asked): Reply {
  const from = Number(query.get('after') ?? 0);
  const places = people.map((person, at) => ({ person, at })).filter(({ person, at }) => at >= from && person !== null);
  const page = places.slice(0, Number(query.get('limit') ?? 10));
  const next = places.length > page.length ? String((page.at(-1)?.at ?? 0) + 1) : null;
  return json({ people: page.map(({ person }) => person), next });
}

/** Starts a Crewboard on 127.0.0.1. The caller closes it. */
export async function startCrewboard(users: number): Promise<CrewboardApi> {
  const token = 'crew-secret-token';
  const people: (Person | null)[] = Array.from({ length: users }, (_, index) => makePerson(index));
  const admitted = (path: string, call: 'list' | 'get', serve: (asked: Asked) => Reply): Endpoint => ({
    method: 'GET',
    path,
    call,
    serve,
  });
  const find = ({ id }: Asked): Reply => {
    const person = people.find((one) => one?.id === id);
    return person === undefined || person === null ? json({ error: 'no such person' }, 404) : json({ person });
  };
  const server = await startApi(
    {
      name: 'Crewboard',
      endpoints: [
        admitted('/crew', 'get', () => json({ id: 'crew-of-acme' })),
        admitted('/people', 'list', (asked) => list(people, asked)),
        admitted('/people/{id}', 'get', find),
      ],
      admit({ headers }) {
        if (headers.authorization !== `Bearer ${token}`) throw new Refusal({ status: 401, message: 'who are you?' });
      },
      refuse: ({ status, message }) => json({ error: message }, status),
      nowhere: () => json({ error: 'no such path' }, 404),
    },
    {},
  );
  return { ...server, token, people };
}
