import type { Io, Request } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import type { Chunk } from '../contract/source.ts';
import { badListing } from '../http/pages.ts';
import { askAgain } from '../http/patience.ts';
import { wholeList } from '../http/whole-list.ts';
import { NIL_UUID } from './record.ts';

/** Whose members are read. */
export interface Membership {
  readonly kind: 'organization' | 'application';
  readonly id: string;
}

/** Pages lose people (ties in the order of organizations, no order in applications), so one request asks for everybody. */
const EVERYBODY = 1_000_000;

/** A listing whose count does not fit is read so often in all. */
const READS = 3;

const TOTAL = 'x-total-results-count';

function request({ kind, id }: Membership, rpp: number): Request {
  return {
    call: 'list',
    endpoint: `GET /${kind}s/{id}/users`,
    path: `/${kind}s/${encodeURIComponent(id)}/users`,
    query: { page: 1, rpp },
  };
}

function totalOf(headers: Readonly<Record<string, string>>): number | null {
  const said = headers[TOTAL];
  return said !== undefined && /^\d+$/.test(said.trim()) ? Number(said) : null;
}

const idIn = (record: Json): string | null =>
  isObject(record) && typeof record.id === 'string' && record.id !== '' ? record.id : null;

/** Whom a listing named so far. Invitations all have the same id, which is nobody's, and may be in the total or not. */
function census() {
  const ids = new Set<string>();
  const invited = new Set<string>();
  return {
    add(record: Json): void {
      const id = idIn(record);
      if (id === NIL_UUID) invited.add(JSON.stringify(record));
      else if (id !== null) ids.add(id);
    },
    size: () => ids.size,
    fits: (total: number | null) => total === ids.size || total === ids.size + invited.size,
  };
}

/** The members of an organization or application, in a listing that is complete only where its count says so. */
export async function* soundMembers(io: Io, membership: Membership): AsyncIterable<Chunk> {
  let rpp = EVERYBODY;
  let heard = '';
  for (let n = 0; n < READS; n += 1) {
    if (n > 0) await askAgain(io, n - 1, 'count does not fit');
    const named = census();
    let total: number | null = null;
    for await (const { items, last, headers } of wholeList(io, request(membership, rpp))) {
      items.forEach(named.add);
      total = totalOf(headers);
      const sound = last && named.fits(total);
      yield { records: items, resume: null, last: sound, active: null, thin: true };
      if (sound) return;
    }
    heard = `gave ${named.size()} members and ${total === null ? `no ${TOTAL}` : `counted ${total}`}`;
    rpp = Math.max(rpp, (total ?? 0) + EVERYBODY);
  }
  const words = `${heard}, ${READS} times in a row: members are missing, or the server is ill`;
  throw badListing(io, request(membership, rpp), words);
}
