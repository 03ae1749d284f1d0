import { hash } from 'node:crypto';
import { PAGE } from './listing.ts';

/**
 * What no sync of whole listings can do without, as a process of its own: fetch every page over one connection, parse
 * it, and hash each user. Nothing is stored. Prints how many users it met.
 */

interface Page {
  readonly data: readonly unknown[];
  readonly pagination: { readonly cursor: string; readonly has_next_page: boolean };
}

const [, , url = '', token = ''] = process.argv;
const headers = { authorization: `Bearer ${token}` };

async function page(cursor: string | null): Promise<Page> {
  const query = cursor === null ? '' : `&cursor=${cursor}`;
  const response = await fetch(`${url}/users?limit=${PAGE}${query}`, { headers });
  if (!response.ok) throw new Error(`the bench's server answered ${response.status}`);
  // Rendered by listing.ts.
  return JSON.parse(await response.text()) as Page;
}

const hashes = { users: 0, characters: 0 };
for (let cursor: string | null = null, more = true; more; ) {
  const { data, pagination } = await page(cursor);
  for (const user of data) {
    hashes.users += 1;
    hashes.characters += hash('sha256', JSON.stringify(user)).length;
  }
  cursor = pagination.cursor;
  more = pagination.has_next_page;
}
process.stdout.write(`${JSON.stringify(hashes)}\n`);
