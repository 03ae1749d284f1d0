import type { Answer, Io, Request } from '../contract/io.ts';
import { RollcallError } from '../errors.ts';
import { askAgain } from './patience.ts';

/** Times that a refused request is sent again. */
const ASKED_AGAIN = 3;

/** Sends a request that is right for certain, again where it is answered 400: some APIs say so of failures of their own. */
export async function sendDespite400(io: Io, request: Request): Promise<Answer> {
  for (let asked = 0; ; asked += 1) {
    try {
      return await io.send(request);
    } catch (error) {
      if (!(error instanceof RollcallError) || error.status !== 400 || asked === ASKED_AGAIN) throw error;
    }
    await askAgain(io, asked, 'status 400');
  }
}
