import type { Io } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import type { Chunk, Verdict } from '../contract/source.ts';
import { type Lookup, lookUp } from './lookup.ts';
import { NIL_UUID } from './record.ts';

/** Lookups, with what the listing showed of whom they can find. */
export interface Sight {
  /** The listing; whom to try is remembered from it. */
  list(): AsyncIterable<Chunk>;
  absent(id: string): Promise<Verdict>;
}

/** Applications of which a listed user is tried at most. */
const MOST_TRIED = 20;

/**
 * An application's token lists its members, and finds by id those who belong to the application: these are not the same
 * users. So before a "not found" is believed, a listed user of each application, and one without, are looked up, too.
 */
export function makeSight(io: Io, how: Lookup, whole: () => AsyncIterable<Chunk>): Sight {
  const samples = new Map<string | null, string>();
  let listing: 'not read' | 'being read' | 'read' = 'not read';
  let blind: Promise<boolean> | null = null;
  const remember = (record: Json): void => {
    if (!isObject(record) || typeof record.id !== 'string' || record.id === NIL_UUID) return;
    const application = typeof record.application_id === 'string' ? record.application_id : null;
    if (samples.size < MOST_TRIED && !samples.has(application)) samples.set(application, record.id);
  };
  async function* list(): AsyncIterable<Chunk> {
    listing = 'being read';
    for await (const chunk of whole()) {
      chunk.records.forEach(remember);
      if (chunk.last) listing = 'read';
      yield chunk;
    }
  }
  const missesSome = async (): Promise<boolean> => {
    // Whoever looks up chosen users, or goes on after the last page, has not seen the listing.
    if (listing === 'not read') for await (const chunk of list()) if (chunk.last || samples.size === MOST_TRIED) break;
    listing = 'read';
    for (const id of samples.values()) if ((await lookUp(io, how, id)) === null) return true;
    return false;
  };
  return {
    list,
    async absent(id) {
      const record = await lookUp(io, how, id);
      if (record !== null) return { absence: 'present', record };
      // Whether somebody is gone is asked when the listing has ended; before, his record is.
      if (listing === 'being read') return { absence: 'unknown' };
      blind ??= missesSome();
      return { absence: (await blind) ? 'unknown' : 'gone' };
    },
  };
}
