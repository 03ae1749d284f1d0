import type { Source } from '../contract/source.ts';
import { bluebricks } from './bluebricks.ts';
import { ident } from './ident.ts';
import { jitsudo } from './jitsudo.ts';
import { pylon } from './pylon.ts';

/** Every source a connection may name. Adding one is a file beside this one and a line here. */
export const sources: Readonly<Record<string, Source>> = { pylon, ident, bluebricks, jitsudo };
