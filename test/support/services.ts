import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';

/** A server that tests started, on a free port of 127.0.0.1. */
export interface Service {
  readonly url: string;
  readonly port: number;
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and files. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  remove(): Promise<void>;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has a port');
  return address.port;
}

/** Where a program is; a missing one fails the tests by its name. */
function programOf(name: string, folders: readonly string[]): string {
  const found = [...(process.env.PATH ?? '').split(':'), ...folders]
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new Error(`${name} is not installed, and these tests run on it: apt-get install redis-server postgresql`);
}

/** Postgres refuses to run as root: then it runs as a user who has nothing. */
function ordinaryUser(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

async function answering(ask: () => Promise<unknown>, child: ChildProcess, name: string): Promise<void> {
  const until = performance.now() + 30_000;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > until)
        throw new Error(`${name} does not start`, { cause: error });
      await pause(20);
    }
  }
}

interface Kind {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  spawn(): ChildProcess;
  ask(): Promise<unknown>;
}

async function service(kind: Kind): Promise<Service> {
  let child = kind.spawn();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended(child);
  };
  const start = async (): Promise<void> => {
    child = kind.spawn();
    await answering(kind.ask, child, kind.name);
  };
  await answering(kind.ask, child, kind.name);
  return {
    url: kind.url,
    port: kind.port,
    kill: () => end('SIGKILL'),
    start,
    remove: async () => {
      // Postgres's word for "at once, in good order"; Redis takes it as well.
      await end('SIGINT');
      rmSync(kind.folder, { recursive: true, force: true });
    },
  };
}

async function pingRedis(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

/** Starts a Redis that keeps what it was told (append-only file), with further settings. */
export async function startRedis(settings: readonly string[] = []): Promise<Service> {
  const program = programOf('redis-server', []);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-redis-'));
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ];
  return service({
    name: 'redis-server',
    url: `redis://127.0.0.1:${port}`,
    port,
    folder,
    spawn: () =>
      spawn(program, [...args, '--save', '', '--maxmemory-policy', 'noeviction', ...settings], { stdio: 'ignore' }),
    ask: () => pingRedis(port),
  });
}

/** The one node of a cluster that has all slots. */
export async function startRedisCluster(): Promise<Service> {
  const made = await startRedis(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']);
  const client = new Redis(made.port, '127.0.0.1');
  try {
    await client.call('cluster', 'addslotsrange', '0', '16383');
    const until = performance.now() + 20_000;
    while (!String(await client.call('cluster', 'info')).includes('cluster_state:ok')) {
      if (performance.now() > until) throw new Error('the Redis cluster does not come up');
    }
    return made;
  } finally {
    client.disconnect();
  }
}

async function pingPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end();
  }
}

/** Starts a Postgres of its own. */
export async function startPostgres(): Promise<Service> {
  const folders = globSync('/usr/lib/postgresql/*/bin').toSorted();
  const [initdb, postgres] = [programOf('initdb', folders), programOf('postgres', folders)];
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-postgres-'));
  const user = ordinaryUser();
  chmodSync(folder, 0o755);
  if (user !== null) chownSync(folder, user.uid, user.gid);
  const as = { ...(user ?? {}), cwd: folder };
  const data = join(folder, 'data');
  execFileSync(initdb, ['-D', data, '-U', 'rollcall', '-A', 'trust', '--no-sync'], { ...as, stdio: 'ignore' });
  const url = `postgres://rollcall@127.0.0.1:${port}/postgres`;
  const args = [
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    `unix_socket_directories=${folder}`,
  ];
  return service({
    name: 'postgres',
    url,
    port,
    folder,
    spawn: () => spawn(postgres, args, { ...as, stdio: 'ignore' }),
    ask: () => pingPostgres(url),
  });
}
