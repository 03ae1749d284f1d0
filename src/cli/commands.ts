import { type Command, InvalidArgumentError } from 'commander';
import { bytesOf } from './bytes.ts';

/** A whole number above zero. */
function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number above 0');
  return value;
}

type Done = (code: number) => void;

/** Each command's own file is imported when it is called, so that `--help` loads none of them. */
export function addCommands(program: Command, done: Done): void {
  program
    .command('init')
    .description('write a first rollcall.yaml and .env to fill in')
    .action(async (options, command) => done(await (await import('./commands/init.ts')).init(options, command)));
  program
    .command('check [connection]')
    .description('check config, folders, warehouse and credentials')
    .action(async (name, options, command) =>
      done(await (await import('./commands/check.ts')).check(name, options, command)),
    );
  program
    .command('preview <connection>')
    .description('show the first users as they would be loaded; writes nothing')
    .option('--limit <n>', 'how many', positive, 10)
    .action(async (name, options, command) =>
      done(await (await import('./commands/preview.ts')).preview(name, options, command)),
    );
  program
    .command('sync [connection...]')
    .description('load what changed, now, in this process')
    .option('--dry-run', 'read everything, write nothing, and show what would change')
    .option('--allow-deletes', 'let one scan delete more than deletes.max_ratio; the proof is still asked for')
    .action(async (names, options, command) =>
      done(await (await import('./commands/sync.ts')).sync(names, options, command)),
    );
  program
    .command('backfill <connection>')
    .description('write every row again, whatever its fingerprint; goes on where it was stopped')
    .option('--allow-deletes', 'let this scan delete more than deletes.max_ratio; the proof is still asked for')
    .action(async (name, options, command) =>
      done(await (await import('./commands/sync.ts')).backfill(name, options, command)),
    );
  program
    .command('resync <connection>')
    .description('look chosen users up again, by id or by address')
    .option('--id <id...>', 'ids of the source')
    .option('--email <address...>', 'primary addresses, through the search API')
    .action(async (name, options, command) =>
      done(await (await import('./commands/sync.ts')).resync(name, options, command)),
    );
  addReading(program, done);
  addRejected(program, done);
  addState(program, done);
}

function addReading(program: Command, done: Done): void {
  program
    .command('runs [connection]')
    .description('what ran, newest first')
    .option('--limit <n>', 'how many', positive, 20)
    .action(async (name, options, command) =>
      done(await (await import('./commands/runs.ts')).runs(name, options, command)),
    );
  program
    .command('status')
    .description('how each connection is doing')
    .action(async (options, command) => done(await (await import('./commands/status.ts')).status(options, command)));
  program
    .command('query <sql>')
    .description('run SQL on the tables: a table, --json or --csv')
    .option('--csv', 'comma-separated values')
    .option('--max-bytes <n>', 'fail rather than be charged for more, such as 500MB (BigQuery)', bytesOf)
    .action(async (sql, options, command) =>
      done(await (await import('./commands/query.ts')).query(sql, options, command)),
    );
  program
    .command('changes [connection]')
    .description('what changed: who, which fields, old → new')
    .option('--since <when>', 'a span such as 24h or 7d, or a date such as 2026-11-01', '24h')
    .action(async (name, options, command) =>
      done(await (await import('./commands/changes.ts')).changes(name, options, command)),
    );
  program
    .command('grants <warehouse>')
    .description('what an admin runs to give Rollcall what it needs in a cloud warehouse, and no more')
    .action(async (name, options, command) =>
      done(await (await import('./commands/grants.ts')).grants(name, options, command)),
    );
  program
    .command('demo')
    .description('a local Pylon API, an embedded warehouse, two syncs and a few queries')
    .action(async (options, command) => done(await (await import('./commands/demo.ts')).demo(options, command)));
}

function addRejected(program: Command, done: Done): void {
  const rejected = program.command('rejected').description('records that could not be loaded');
  rejected
    .command('list [connection]', { isDefault: true })
    .description('which, and why')
    .action(async (name, options, command) =>
      done(await (await import('./commands/rejected.ts')).listRejected(name, options, command)),
    );
  rejected
    .command('replay <connection>')
    .description('try them again; never overwrites a user seen since')
    .action(async (name, options, command) =>
      done(await (await import('./commands/sync.ts')).replayRejected(name, options, command)),
    );
}

function addState(program: Command, done: Done): void {
  const state = program.command('state').description('what ledger and warehouse believe of a connection');
  state
    .command('show <connection>', { isDefault: true })
    .description('both, side by side')
    .action(async (name, options, command) =>
      done(await (await import('./commands/state.ts')).showState(name, options, command)),
    );
  state
    .command('reset <connection>')
    .description('unbind the account and drop the ledger; the rows stay')
    .option('--yes', 'do not ask')
    .action(async (name, options, command) =>
      done(await (await import('./commands/state.ts')).resetState(name, options, command)),
    );
  state
    .command('rebuild <connection>')
    .description("make the ledger anew from the warehouse's own rows")
    .action(async (name, options, command) =>
      done(await (await import('./commands/state.ts')).rebuildState(name, options, command)),
    );
  program
    .command('forget <connection>')
    .description("drop a connection's rows and state")
    .option('--yes', 'do not ask')
    .action(async (name, options, command) =>
      done(await (await import('./commands/forget.ts')).forget(name, options, command)),
    );
  program
    .command('erase <connection> <id>')
    .description('drop one person with his history')
    .option('--yes', 'do not ask')
    .action(async (name, id, options, command) =>
      done(await (await import('./commands/forget.ts')).erase(name, id, options, command)),
    );
}
