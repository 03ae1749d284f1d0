/**
 * Any JSON value. A number that JavaScript cannot hold is kept verbatim as a raw-JSON object of the runtime, which is
 * opaque: it only stringifies (`isRawNumber`).
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON object: what one listed user, one envelope or one error body is. */
export type JsonObject = { [key: string]: Json };

/** True for a number that is kept as its text because JavaScript cannot hold it. */
export function isRawNumber(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null && 'rawJSON' in value;
}

/** True for a JSON object, false for arrays, null, scalars and raw numbers. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}
