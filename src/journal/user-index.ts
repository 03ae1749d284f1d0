import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type BetterSqlite3 from 'better-sqlite3';

const INDEX = 'users_by_id';

/** True where the ledger can find a user by id without reading them all. */
export function hasIndex(db: BetterSqlite3.Database): boolean {
  return db.prepare("select 1 from sqlite_master where type = 'index' and name = ?").get(INDEX) !== undefined;
}

/** Under so many users the index is built at once: it takes less than starting a thread does. */
const AT_ONCE = 20_000;

const STATEMENT = `create unique index if not exists ${INDEX} on users (user_id)`;

/** The thread's whole program; it is text so that it runs the same from source and from the package. */
const PROGRAM = `
  const { parentPort, workerData } = require('node:worker_threads');
  const db = new (require(workerData.module))(workerData.file);
  db.pragma('busy_timeout = 60000');
  db.exec(workerData.statement);
  db.close();
  parentPort.postMessage('done');
`;

/** Builds the index of ids. A large one is built in a thread of its own, so that locks and timers keep their time. */
export async function buildIndex(db: BetterSqlite3.Database): Promise<void> {
  const users = Number(db.prepare('select coalesce(max(num), 0) from users').pluck().get());
  if (users < AT_ONCE) {
    db.exec(STATEMENT);
    return;
  }
  const module = createRequire(import.meta.url).resolve('better-sqlite3');
  const worker = new Worker(PROGRAM, { eval: true, workerData: { module, file: db.name, statement: STATEMENT } });
  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', (status) => reject(new Error(`the thread that indexes the ledger ended with ${status}`)));
  });
}
