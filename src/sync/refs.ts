import { hash } from 'node:crypto';
import { noEffects } from '../contract/effects.ts';
import type { Journal } from '../contract/journal.ts';
import { isObject } from '../contract/json.ts';
import type { Refs, Team } from '../contract/source.ts';
import type { ColumnRules } from './columns.ts';
import { refsLines } from './lines.ts';

/** Teams name their members: what the column rules keep from a user's record is kept from these too. */
function ruled(team: Team, rules: ColumnRules): Team {
  const { users } = team.raw;
  if (!Array.isArray(users)) return team;
  return { ...team, raw: { ...team.raw, users: users.map((user) => (isObject(user) ? rules(user) : user)) } };
}

/** What is listed of roles and teams is no longer in their tables. */
export function refsLost(staged: string | null, empty: readonly string[]): boolean {
  const [roles, teams] = (staged ?? '').split('.').map(Number);
  return (empty.includes('roles') && Number(roles) > 0) || (empty.includes('teams') && Number(teams) > 0);
}

/** Says once why there are no teams. */
function tellWithheld({ withheld }: Refs, warnings: string[]): void {
  const words = `users are loaded, and the teams stay as they were: ${withheld}`;
  if (withheld !== undefined && !warnings.includes(words)) warnings.push(words);
}

/** Where roles and teams are put, and what the run has to say. */
interface Staging {
  readonly journal: Journal;
  readonly warnings: string[];
}

/** Puts the roles and teams into the open batch when they are not the ones last staged. */
export async function stageRefs({ journal, warnings }: Staging, refs: Refs, rules: ColumnRules): Promise<void> {
  tellWithheld(refs, warnings);
  // Nothing was listed at all.
  if (refs.withheld !== undefined && refs.roles.size === 0) return;
  const lines = refsLines({ ...refs, teams: new Map([...refs.teams].map(([id, team]) => [id, ruled(team, rules)])) });
  const content = hash('sha256', lines.map((line) => line.json).join('\n'));
  const teams = refs.withheld === undefined ? refs.teams.size : '-';
  const digest = `${refs.roles.size}.${teams}.${content}`;
  if (journal.facts().refs === digest) return;
  await journal.step({ lines, moves: [], seen: [], rejected: [], effects: noEffects(), place: null });
  journal.note({ refs: digest });
}
