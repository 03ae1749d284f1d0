/** The base of an API: the server's address as it was given, with the API's own prefix if it does not end in it. */
export function apiBase(given: string, prefix: string): string {
  const bare = given.replace(/\/+$/u, '');
  return bare.endsWith(prefix) ? bare : `${bare}${prefix}`;
}
