import { randomInt } from 'node:crypto';
import { existsSync, rmSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Warehouse } from '../contract/warehouse.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { makeRoom, openFile } from './duckdb-open.ts';
import { removeCopy } from './duckdb-scrub.ts';
import { session } from './duckdb-session.ts';

const options = z.strictObject({
  path: z.string().min(1).meta({ path: true }).describe('The database file; made when it is missing'),
  memory_limit: z
    .string()
    .regex(/^\d+(\.\d+)?\s?[KMGT]i?B$/i)
    .default('128MB')
    .describe('Most memory of DuckDB itself'),
  threads: z
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('Threads of DuckDB; one loads as fast as two and in less memory'),
});

type Options = z.infer<typeof options>;

/**
 * Each checkpoint leaves the rows that came since the last one as a row group of their own, and by default merges small
 * ones, rewriting up to a million rows. Within a large load that would be most of the work; so it is done by one session
 * in so many, drawn by chance, and not with a large batch. Runs that change nothing count: each adds its own row.
 */
const COMPACTS_EVERY = 16;

/** A file without a byte is what a crash leaves that came before the first one. */
const isThere = (path: string): boolean => existsSync(path) && (!statSync(path).isFile() || statSync(path).size > 0);

/** The embedded warehouse: one DuckDB file, open only while something is applied or read. https://duckdb.org/docs/stable/clients/node_neo */
export const duckdb: Warehouse<Options> = {
  name: 'duckdb',
  options,
  dialect: () => duckdbDialect,
  freeWrites: true,
  oneSession: true,
  insertsConflict: true,
  open: async (o, access, context) => {
    if (access === 'read' && !isThere(o.path)) return null;
    if (access === 'write') makeRoom(o.path);
    if (access === 'write' && existsSync(o.path) && !isThere(o.path)) rmSync(o.path);
    const instance = await openFile(o, access === 'read', context);
    const connection = await instance.connect();
    await connection.run("set TimeZone = 'UTC'");
    if (access === 'write') {
      removeCopy(o.path);
      await connection.run('set max_vacuum_tasks = 0');
      // What is committed goes straight to its place. DuckDB reads a log that a kill left into whatever file of that name
      // it finds, also into an older one that was put back.
      await connection.run("set wal_autocheckpoint = '0KB'");
    }
    return session(
      instance,
      {
        connection,
        path: o.path,
        counted: 0,
        compacts: randomInt(COMPACTS_EVERY) === 0,
        made: new Set(),
        layout: null,
      },
      access,
    );
  },
};
