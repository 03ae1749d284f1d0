import type { Source } from '../contract/source.ts';
import { bluebricks } from './bluebricks.ts';
import { ident } from './ident.ts';
import { jitsudo } from './jitsudo.ts';
import { pylon } from './pylon.ts';

export { checkOwn } from './own.ts';
export { guardOwn, thrownWords } from './own-guard.ts';

/** Every source that a connection may name; any other is a file of the user's. Adding one is a file beside this one and a line here. */
export const sources: Readonly<Record<string, Source>> = { pylon, ident, bluebricks, jitsudo };
