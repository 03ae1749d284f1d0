import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, ConnectionOptions } from 'snowflake-sdk';

type Sdk = typeof import('snowflake-sdk');

let loaded: Promise<Sdk> | undefined;

/** The driver's folder inside the state folder: what it caches, and files on their way to Snowflake. */
export function driverFolder(scratch: string): string {
  const folder = join(scratch, 'snowflake');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * Some of the driver's habits can only be turned off by variables that it reads while it is loaded: it asks cloud
 * metadata servers where it runs, loads a native library, reports how it was configured, and caches in the home folder.
 * What somebody has set himself stays.
 */
function quietly(folder: string): void {
  process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION ??= 'true';
  process.env.SNOWFLAKE_DISABLE_MINICORE ??= 'true';
  process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE ??= 'true';
  process.env.SF_OCSP_RESPONSE_CACHE_DIR ??= folder;
  process.env.SNOWFLAKE_CRL_ON_DISK_CACHE_DIR ??= folder;
  process.env.SF_TEMPORARY_CREDENTIAL_CACHE_DIR ??= folder;
}

async function load(folder: string): Promise<Sdk> {
  quietly(folder);
  const { default: sdk } = await import('snowflake-sdk');
  // By default it writes to the console and to snowflake.log. JSON is left as text: its own parser rounds numbers.
  sdk.configure({ logLevel: 'OFF', additionalLogToConsole: false, jsonColumnVariantParser: (text) => text });
  return sdk;
}

/** A connection of Snowflake's driver, not logged in yet. The driver is loaded by the first one, and kept quiet. */
export async function driverConnection(scratch: string, options: ConnectionOptions): Promise<Connection> {
  loaded ??= load(driverFolder(scratch));
  const sdk = await loaded;
  return sdk.createConnection({
    // Times are the caller's: the driver itself would try a login for five minutes.
    sfRetryMaxLoginRetries: 3,
    representNullAsStringNull: false,
    jsTreatIntegerAsBigInt: true,
    clientStoreTemporaryCredential: false,
    clientSessionKeepAlive: false,
    ...options,
  });
}

/**
 * Where an account keeps sessions alive whatever the driver asks for, the driver's heartbeat would keep this process
 * alive, too: nothing that was left to do would end it.
 */
export function withoutHeartbeat(connection: Connection): void {
  const timer: unknown = Reflect.get(connection, 'keepalive');
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref();
}

/** Uses of the scratch folder as the system's temporary folder, and what it was before the first of them. */
const borrowed = { uses: 0, before: process.env.TMPDIR };

/**
 * Does something of the driver's with its temporary files in our folder: it makes one for every upload, in the system's
 * temporary folder. An upload to a local directory also clears the process's file mode mask.
 */
export async function withScratch<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (borrowed.uses === 0) borrowed.before = process.env.TMPDIR;
  borrowed.uses += 1;
  process.env.TMPDIR = folder;
  const mask = process.umask();
  try {
    return await work();
  } finally {
    process.umask(mask);
    borrowed.uses -= 1;
    if (borrowed.uses === 0) {
      if (borrowed.before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = borrowed.before;
    }
  }
}
