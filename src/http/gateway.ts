/** Most that is quoted of a page that is not the API's. */
const QUOTED = 120;

/** What a proxy's page says: its title, else its first words, on one line. */
export function excerpt(text: string): string {
  const start = text.slice(0, 10_000);
  const title = /<title[^>]*>([^<]*)/iu.exec(start)?.[1]?.trim() ?? '';
  const words =
    title === '' ? start.replaceAll(/<(?:style|script)[\s\S]*?<\/(?:style|script)>|<[^>]*>/giu, ' ') : title;
  return words
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, QUOTED);
}

/**
 * True when a body is JSON by its content type. HTML and text never are, whatever they hold; where the type says
 * nothing, the first character decides.
 */
export function claimsJson(contentType: string | undefined, text: string): boolean {
  const type = contentType?.toLowerCase() ?? '';
  if (type.includes('json')) return true;
  if (type.startsWith('text/') || type.includes('html') || type.includes('xml')) return false;
  return /^\uFEFF?\s*[[{]/u.test(text);
}
