import type { Counts, Usage } from '../contract/run.ts';
import type { Session } from '../contract/warehouse.ts';
import type { Deps } from './settings.ts';

function add(total: Usage | null, used: Usage): Usage {
  if (total === null) return used;
  return {
    rows: total.rows + used.rows,
    bytes: total.bytes + used.bytes,
    bytes_billed: total.bytes_billed + used.bytes_billed,
    slot_ms: total.slot_ms + used.slot_ms,
    jobs: [...total.jobs, ...used.jobs],
  };
}

/** The same parts, with what each session did counted for the run when it is closed. */
export function metered(deps: Deps, counts: Counts): { readonly deps: Deps; usage(): Usage | null } {
  let total: Usage | null = null;
  const meter = (session: Session): Session => ({
    ...session,
    close: async () => {
      counts.statements += session.statements();
      const used = session.usage?.() ?? null;
      if (used !== null) total = add(total, used);
      await session.close();
    },
  });
  const open: Deps['open'] = async (access) => {
    const session = await deps.open(access);
    return session === null ? null : meter(session);
  };
  return { deps: { ...deps, open }, usage: () => total };
}
