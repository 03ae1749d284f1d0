/** Headers whose values are no secrets and would only make messages unreadable. */
const PUBLIC_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'user-agent',
  'x-tenant-id',
]);

/** Shorter texts are words, not secrets; replacing them would garble every message. */
const SHORTEST = 4;

function forms(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  const base64 = Buffer.from(secret).toString('base64');
  return [
    secret,
    percent,
    percent.replaceAll(/%[0-9A-F]{2}/gu, (code) => code.toLowerCase()),
    percent.replaceAll('%20', '+'),
    JSON.stringify(secret).slice(1, -1),
    base64,
    base64.replace(/=+$/u, ''),
    encodeURIComponent(base64),
    Buffer.from(secret).toString('base64url'),
  ];
}

/** The secrets in a set of request headers: each value, and without its scheme (`Bearer`). */
export function headerSecrets(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers)
    .filter(([name]) => !PUBLIC_HEADERS.has(name.toLowerCase()))
    .flatMap(([, value]) => [value, value.replace(/^\S+\s+/u, '')]);
}

/** A redactor that learns: of secrets that come to light while it is in use. */
export function learningRedactor(secrets: readonly string[]): {
  redact(text: string): string;
  learn(more: readonly string[]): void;
} {
  let known = secrets;
  let current = redactor(known);
  return {
    redact: (text) => current(text),
    learn(more) {
      known = [...known, ...more];
      current = redactor(known);
    },
  };
}

/**
 * Makes the function that replaces known secrets by `***`, also where they stand percent-encoded, in base64 or escaped
 * as JSON. Used for every error message here and by the logger.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const known = new Set(secrets.filter((secret) => secret.length >= SHORTEST).flatMap(forms));
  // Longest first, so that no rest of a longer form stays behind.
  const ordered = [...known].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((clean, form) => clean.replaceAll(form, '***'), text);
}
