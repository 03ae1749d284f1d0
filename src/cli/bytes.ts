import { InvalidArgumentError } from 'commander';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes as people say it. */
export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}

/** A number of bytes as people write it: `1073741824`, `500MB`, `1.5GiB`; MB and MiB are the same. */
export function bytesOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?$/i.exec(text.trim());
  const power = ['', 'K', 'M', 'G', 'T'].indexOf((found?.[2] ?? '').toUpperCase());
  const bytes = Math.round(Number(found?.[1]) * 1024 ** power);
  if (found === null || bytes < 1) throw new InvalidArgumentError('give a number of bytes such as 500MB or 2GB');
  return bytes;
}
