import type { JsonObject } from '../contract/json.ts';
import { isNoWord } from './absences.ts';
import type { DiffRules } from './diff.ts';
import type { Following } from './following.ts';
import { recordFound } from './found.ts';

/** The user as the source has him now. Of one who may not be looked up the listing must do. */
async function asNow({ reader }: Following, id: string): Promise<JsonObject[]> {
  try {
    return await Array.fromAsync(reader.find({ ids: [id] }));
  } catch (error) {
    if (isNoWord(error)) return [];
    throw error;
  }
}

/** Makes what reads marked users again, each mark once in this run: the listing may have shown them before they were written to. */
export function rereading(f: Following, rules: DiffRules): () => Promise<void> {
  let done = 0;
  return async () => {
    const log = f.deps.ledger.writes(false);
    if (log === null) return;
    try {
      const marks = log.marks().filter((mark) => mark.turn > done);
      done = marks.at(-1)?.turn ?? done;
      const ids = marks.map((mark) => mark.user_id);
      const known = await f.journal.meet(ids);
      // Whoever is new, or gone, is left to the look at the marks that follows the run: this scan's books know neither.
      const here = ids.filter((_, i) => known[i]?.loaded.standing === 'live');
      const found = await Array.fromAsync(here, (id) => asNow(f, id));
      if (here.length > 0) await recordFound(f, rules, found.flat());
    } finally {
      log.close();
    }
  };
}
