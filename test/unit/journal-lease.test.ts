import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { acquireLease } from '../../src/journal/lease.ts';
import { tempFolder } from '../support/journal.ts';

const LEASE = new URL('../../src/journal/lease.ts', import.meta.url).href;

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that takes the lease, says so and keeps it until it is killed or its input ends. */
async function holder(folder: string, connection: string): Promise<ChildProcess> {
  const program = `
    import { acquireLease } from ${JSON.stringify(LEASE)};
    try {
      const release = acquireLease(${JSON.stringify(folder)}, ${JSON.stringify(connection)});
      process.stdin.on('end', () => { release(); console.log('released'); }).resume();
      console.log('held');
    } catch (error) {
      console.log(error.kind);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

async function said(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the child has no output');
  const [chunk] = await once(child.stdout, 'data');
  return String(chunk).trim();
}

function refusal(folder: string, connection = 'support'): RollcallError {
  try {
    acquireLease(folder, connection)();
  } catch (error) {
    if (error instanceof RollcallError) return error;
    throw error;
  }
  throw new Error('the lease was free');
}

describe('the lease of a connection', () => {
  test('is refused as busy while another process has it, and the message says who', async () => {
    const folder = tempFolder();
    const child = await holder(folder, 'support');
    expect(await said(child)).toBe('held');
    const error = refusal(folder);
    expect(error).toMatchObject({ kind: 'busy', connection: 'support', retryable: true });
    expect(error.message).toContain(`process ${child.pid} on `);
    expect(error.message).toContain('support');
  });

  test('is refused to another process while this one has it', async () => {
    const folder = tempFolder();
    const release = acquireLease(folder, 'support');
    expect(await said(await holder(folder, 'support'))).toBe('busy');
    release();
    expect(await said(await holder(folder, 'support'))).toBe('held');
  });

  test('is free as soon as its process is killed', async () => {
    const folder = tempFolder();
    const child = await holder(folder, 'support');
    expect(await said(child)).toBe('held');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(() => acquireLease(folder, 'support')()).not.toThrow();
  });

  test('is free when it was given back although its process lives on', async () => {
    const folder = tempFolder();
    const child = await holder(folder, 'support');
    expect(await said(child)).toBe('held');
    child.stdin?.end();
    expect(await said(child)).toBe('released');
    expect(() => acquireLease(folder, 'support')()).not.toThrow();
  });

  test('is refused twice in one process', () => {
    const folder = tempFolder();
    const release = acquireLease(folder, 'support');
    expect(refusal(folder).kind).toBe('busy');
    release();
    expect(() => acquireLease(folder, 'support')()).not.toThrow();
  });

  test('is one for two processes although its file was no database', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'support.lock'), 'garbage'.repeat(1000));
    const release = acquireLease(folder, 'support');
    expect(await said(await holder(folder, 'support'))).toBe('busy');
    release();
    expect(await said(await holder(folder, 'support'))).toBe('held');
  });

  test('may be given back twice', () => {
    const release = acquireLease(tempFolder(), 'support');
    release();
    expect(release).not.toThrow();
  });

  test('is one for each connection', () => {
    const folder = tempFolder();
    const release = acquireLease(folder, 'support');
    expect(() => acquireLease(folder, 'staff')()).not.toThrow();
    release();
  });
});
