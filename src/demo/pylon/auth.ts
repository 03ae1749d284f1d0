import { Refusal } from './reply.ts';

/** The tokens that the server can tell apart. */
export interface Tokens {
  readonly token: string;
  /** Right, but of the other region. */
  readonly foreignToken: string;
}

function unauthorized(code: string, message: string): Refusal {
  return new Refusal({ status: 401, code, message });
}

/** Checks an Authorization header. Throws the 401 that says what is wrong with it. */
export function authenticate(header: string | undefined, { token, foreignToken }: Tokens): void {
  const given = /^bearer +(\S+)$/i.exec(header ?? '')?.[1];
  switch (given) {
    case token:
      return;
    case undefined:
      throw unauthorized('invalid_authorization_header', 'The Authorization header must be "Bearer <token>"');
    case foreignToken:
      throw unauthorized('wrong_region_token', 'The API token belongs to another region');
    default:
      throw unauthorized('invalid_api_token', 'The API token is not valid');
  }
}
