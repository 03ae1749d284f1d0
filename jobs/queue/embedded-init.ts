import { PGlite } from '@electric-sql/pglite';
import { POSTGRES_CONF } from './embedded-options.ts';

// Ctrl-C in a terminal is meant for the worker, which takes what is made here or leaves it.
process.on('SIGINT', () => undefined);
const [folder = ''] = process.argv.slice(2);
const db = await PGlite.create({ dataDir: folder, postgresqlconf: POSTGRES_CONF });
await db.close();
