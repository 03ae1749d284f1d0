import { hash } from 'node:crypto';
import { noEffects } from '../contract/effects.ts';
import type { Journal } from '../contract/journal.ts';
import type { Refs } from '../contract/source.ts';
import { refsLines } from './lines.ts';

/** Puts the roles and teams into the open batch when they are not the ones last staged. */
export async function stageRefs(journal: Journal, refs: Refs): Promise<void> {
  const lines = refsLines(refs);
  const digest = hash('sha256', lines.map((line) => line.json).join('\n'));
  if (journal.facts().refs === digest) return;
  await journal.step({ lines, moves: [], seen: [], rejected: [], effects: noEffects(), place: null });
  journal.note({ refs: digest });
}
