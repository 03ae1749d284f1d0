/** Which listing a cursor belongs to; one listing does not take another's. */
export type Listing = 'users' | 'search';

/** What a cursor says: the place after which the page begins. `turn` tells apart the cursors of an endless listing. */
export interface Place {
  readonly after: number;
  readonly turn: number;
}

/** An opaque cursor. */
export function writeCursor(listing: Listing, place: Place): string {
  return Buffer.from(`${listing}:${place.after}:${place.turn}`).toString('base64url');
}

/** Null for text that this API never handed out for that listing. */
export function readCursor(listing: Listing, text: string): Place | null {
  const match = /^(users|search):(\d{1,15}):(\d{1,15})$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  const place = { after: Number(match?.[2]), turn: Number(match?.[3]) };
  // Decoding base64url forgives stray characters, so the text must also be what we would have written.
  return match?.[1] === listing && writeCursor(listing, place) === text ? place : null;
}
