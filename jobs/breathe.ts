import { setImmediate } from 'node:timers/promises';

/** Work on one connection after the other that may take a millisecond each: others have their turn after so many. */
const AT_A_TIME = 10;

/** The same things in the same order, with room for everybody else of this process in between. */
export async function* unhurried<T>(things: Iterable<T>): AsyncGenerator<T, void> {
  let count = 0;
  for (const thing of things) {
    yield thing;
    count += 1;
    if (count % AT_A_TIME === 0) await setImmediate();
  }
}
