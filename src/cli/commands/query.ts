import type { Command } from 'commander';
import type { Session, Statement } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { bytesText } from '../bytes.ts';
import { globalsOf } from '../globals.ts';
import { asCsv, asJson, asTable, resultOf } from '../query-output.ts';
import { stopOnSignals } from '../stop.ts';
import { configOf, openWarehouse } from '../workplace.ts';

/** The warehouse's own words about the user's SQL, whole: they point at the place. */
function sqlError(error: unknown): unknown {
  if (!(error instanceof RollcallError) || error.kind !== 'bug') return error;
  const words = error.cause instanceof Error ? error.cause.message : error.message;
  return new RollcallError('config', `the query failed: ${words.trim()}`, { step: 'query', cause: error });
}

/** How a query was asked for. */
interface Asked {
  readonly csv?: true;
  readonly maxBytes?: number;
}

/** Shows what a query will cost, where the warehouse charges for reading. */
async function tellCost(session: Session, query: Statement, quiet: boolean): Promise<void> {
  const estimate = await session.estimate?.(query);
  if (estimate !== undefined && !quiet) process.stderr.write(`${estimate.text}\n`);
}

/** Shows what it did cost. */
function tellUsage(session: Session, quiet: boolean): void {
  const used = session.usage?.() ?? null;
  if (used === null || quiet) return;
  const charged = `billed: ${bytesText(used.bytes_billed)}; slot time: ${used.slot_ms} ms; `;
  process.stderr.write(`${session.estimate === undefined ? '' : charged}query ${used.jobs.join(', ')}\n`);
}

/** `rollcall query "<sql>"`: reads the configured warehouse. */
export async function query(sql: string, options: Asked, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const stop = stopOnSignals();
  try {
    const session = await openWarehouse(config, 'read', { signal: stop.signal, waiting: () => undefined });
    if (session === null) {
      throw new RollcallError('config', 'there is no warehouse yet: run `rollcall sync` first', { step: 'query' });
    }
    try {
      const asked = { sql, params: [] };
      await tellCost(session, asked, globals.quiet);
      const result = resultOf(session, asked, options.maxBytes);
      if (globals.json) await asJson(result);
      else if (options.csv === true) await asCsv(result);
      else await asTable(result);
      tellUsage(session, globals.quiet);
    } finally {
      await session.close();
    }
    return 0;
  } catch (error) {
    throw sqlError(error);
  } finally {
    stop.release();
  }
}
