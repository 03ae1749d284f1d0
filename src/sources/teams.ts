import type { Refs, Team } from '../contract/refs.ts';
import { RollcallError } from '../errors.ts';

/** Reads teams. Where the credential may not list them, users load without: the table of teams then stays as it is. */
export async function teamsOr(read: () => Promise<ReadonlyMap<string, Team>>): Promise<Omit<Refs, 'roles'>> {
  try {
    return { teams: await read() };
  } catch (error) {
    if (!(error instanceof RollcallError) || error.kind !== 'permission' || error.status !== 403) throw error;
    return { teams: new Map(), withheld: error.message };
  }
}
