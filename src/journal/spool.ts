import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The file of the open batch. Bytes beyond the ledger's recorded length are of a crash and are cut off. */
export interface Spool {
  /** Appends at the recorded length and waits until the disk has it. */
  append(file: string, at: number, bytes: Buffer): Promise<number>;
  /** Hash of the first `bytes` of a file, hex. */
  hash(file: string, bytes: number): Promise<string>;
  close(): Promise<void>;
}

/** A new file survives a power cut only when its folder's entry is on the disk too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Opens lazily: a run that changes nothing touches no file. */
export function makeSpool(): Spool {
  let current: { file: string; handle: FileHandle; length: number } | null = null;
  const close = async (): Promise<void> => {
    const closing = current;
    current = null;
    await closing?.handle.close();
  };
  const at = async (file: string, length: number): Promise<FileHandle> => {
    if (current?.file === file && current.length === length) return current.handle;
    await close();
    const handle = await open(file, length === 0 ? 'w' : 'r+', 0o600);
    current = { file, handle, length };
    await handle.truncate(length);
    if (length === 0) await syncFolder(dirname(file));
    return handle;
  };
  return {
    append: async (file, length, bytes) => {
      const handle = await at(file, length);
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, length + done);
        done += bytesWritten;
      }
      await handle.sync();
      current = { file, handle, length: length + bytes.length };
      return bytes.length;
    },
    hash: async (file, bytes) => {
      // Bytes that a crash left beyond the recorded length must not be loaded with the batch.
      await at(file, bytes);
      const hash = createHash('sha256');
      let read = 0;
      if (bytes > 0) {
        for await (const chunk of createReadStream(file, { end: bytes - 1, highWaterMark: 1 << 20 })) {
          hash.update(chunk);
          read += chunk.length;
        }
      }
      if (read !== bytes) throw new Error(`the spool file ${file} holds ${read} of ${bytes} bytes`);
      return hash.digest('hex');
    },
    close,
  };
}

/** Removes a connection's spool files that the ledger no longer names: of batches that were applied or dropped. */
export function sweepSpool(folder: string, connection: string, keep: readonly string[]): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`${connection}.`) && name.endsWith('.ndjson') && !keep.includes(join(folder, name))) {
      rmSync(join(folder, name), { force: true });
    }
  }
}
