import type { Json } from '../contract/json.ts';

/** What the runtime has and the compiler's library does not know yet. */
interface RawJson {
  parse(text: string, reviver: (key: string, value: Json, context: { source?: string }) => Json): Json;
  rawJSON(text: string): { rawJSON: string };
}

// The runtime's own JSON object, seen through the interface above.
const runtime = JSON as unknown as RawJson;

/**
 * A number of 15 or more digits, or with an exponent, looked for from what may follow a number: backwards from a comma
 * or bracket there is little to try, which makes this test several times faster than one that looks for digits.
 */
const SUSPECT = /(?<=(?:[\d.]{15}|\d[eE][+-]?\d+)[ \t]*)[,\]}\r\n]/;

/** A text that is a number and nothing else, which has nothing after it to look back from. */
const LONE = /^\s*[-\d]/;

/** The significant digits of a decimal number, and the power of ten of the last one. */
function decimal(source: string): { digits: string; power: number } {
  const [mantissa = '', exponent = '0'] = source.replace(/^-/u, '').toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace(/^0+/u, '');
  const kept = digits.replace(/0+$/u, '');
  return { digits: kept, power: kept === '' ? 0 : Number(exponent) - fraction.length + digits.length - kept.length };
}

/** True when a JavaScript number holds exactly the value that this JSON number writes. */
export function isExact(source: string): boolean {
  const value = Number(source);
  if (!Number.isFinite(value)) return false;
  const held = decimal(value.toExponential());
  const written = decimal(source);
  return held.digits === written.digits && held.power === written.power;
}

/**
 * Parses JSON and loses no number: one that JavaScript cannot hold becomes a raw-JSON object of the runtime, which
 * `JSON.stringify` writes back as it was received. Throws SyntaxError.
 */
export function parseJson(text: string): Json {
  if (!SUSPECT.test(text) && !LONE.test(text)) return JSON.parse(text);
  return runtime.parse(text, (_key, value, { source }) => {
    if (typeof value !== 'number' || source === undefined || isExact(source)) return value;
    // A raw-JSON object counts as JSON: the contract says so, and it is stringified as the number it was.
    return runtime.rawJSON(source) as Json;
  });
}
