import type { Io } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import type { Chunk, Verdict } from '../contract/source.ts';
import { type Lookup, lookUp } from './lookup.ts';
import { NIL_UUID } from './record.ts';

/** Lookups, with what the listing showed of whom they can find. */
export interface Sight {
  /** Passes a listing on, and remembers from it whom to try. */
  watch(chunks: AsyncIterable<Chunk>): AsyncIterable<Chunk>;
  absent(id: string): Promise<Verdict>;
}

/**
 * An application's token lists its members, and finds by id those who belong to the application: these are not the same
 * users. So before a "not found" is believed, a listed user with an application and one without are looked up, too.
 */
export function makeSight(io: Io, how: Lookup): Sight {
  const samples = new Map<boolean, string>();
  let blind: Promise<boolean> | null = null;
  const remember = (record: Json): void => {
    if (!isObject(record) || typeof record.id !== 'string' || record.id === NIL_UUID) return;
    const belongs = typeof record.application_id === 'string';
    if (!samples.has(belongs)) samples.set(belongs, record.id);
  };
  const missesSome = async (): Promise<boolean> => {
    for (const id of samples.values()) if ((await lookUp(io, how, id)) === null) return true;
    return false;
  };
  return {
    async *watch(chunks) {
      for await (const chunk of chunks) {
        if (samples.size < 2) chunk.records.forEach(remember);
        yield chunk;
      }
    },
    async absent(id) {
      const record = await lookUp(io, how, id);
      if (record !== null) return { absence: 'present', record };
      blind ??= missesSome();
      return { absence: (await blind) ? 'unknown' : 'gone' };
    },
  };
}
