import type { FieldValue, Setting } from '../contract/writes.ts';
import { BadRecord } from '../errors.ts';

/** One of a few values. */
export function oneOf(setting: Setting, known: readonly string[]): string {
  const value = String(setting.value);
  if (known.includes(value)) return value;
  throw new BadRecord(`${setting.field}: there is no "${value}"; it is one of ${known.join(', ')}`);
}

/** A text that is not empty. */
export function filled(setting: Setting): string {
  const value = String(setting.value);
  if (value.trim() === '') throw new BadRecord(`${setting.field}: may not be empty`);
  return value;
}

/** What a list is after a setting: replaced, or what it was with the new values behind it. Each value once. */
export function listAfter(setting: Setting, before: readonly string[], wanted: readonly string[]): string[] {
  return [...new Set(setting.add ? [...before, ...wanted] : wanted)];
}

/** The entries of a list setting. */
export const entries = (setting: Setting): readonly string[] =>
  Array.isArray(setting.value) ? setting.value.map(String) : [String(setting.value)];

/** The setting of a field, where there is one. */
export function settingOf(settings: readonly Setting[], field: string): Setting | undefined {
  return settings.find((setting) => setting.field === field);
}

/** A value of a request's body: as JSON has it. */
export const plain = (value: FieldValue): string | boolean | string[] | null =>
  typeof value === 'object' && value !== null ? [...value] : value;
