import { printable } from '@dtm/oci';
import { Trouble } from '../failure.ts';
import { BodyTooLarge, ExchangeTimeout } from './exchange.ts';
import { RefusedAddress } from './guarded-connector.ts';

/** Connection errors that say nothing but that the connection ended. */
const BROKEN_CONNECTION: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNABORTED']);

const IN_WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not resolve',
  ENODATA: 'its name has no address',
  EAI_AGAIN: 'its name cannot be resolved at present',
  ECONNREFUSED: 'it refuses connections',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  EHOSTDOWN: 'there is no route to it',
  ETIMEDOUT: 'it does not answer',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS: list it in INSECURE_REGISTRIES if plain HTTP is meant',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS: list it in INSECURE_REGISTRIES if plain HTTP is meant',
};

/** Whether a kept connection ended just when it was to be used again: nothing was answered, so it may be sent once more. */
export function isBrokenConnection(error: unknown): boolean {
  return BROKEN_CONNECTION.has(codeOf(error));
}

/** Whether what came is not HTTP, as after a body that follows the answer to HEAD. */
export function isProtocolError(error: unknown): boolean {
  return codeOf(error).startsWith('HPE_');
}

/** What went wrong on the way, in words; errors that are not of the network are returned as they are. */
export function networkTrouble(error: unknown, host: string): unknown {
  if (error instanceof Trouble) return error;
  const name = printable(host);
  if (error instanceof RefusedAddress) {
    return new Trouble('refused', `${error.message}: list ${name} in INSECURE_REGISTRIES to allow it`, {
      cause: error,
    });
  }
  if (error instanceof ExchangeTimeout) {
    return new Trouble('timeout', `${name} gave no complete answer in time`, { cause: error });
  }
  if (error instanceof BodyTooLarge) {
    return new Trouble('bad-answer', `the answer of ${name} is too large: ${error.message}`, { cause: error });
  }
  const code = codeOf(error);
  if (code === '' || code === 'UND_ERR_INVALID_ARG') return error;
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return new Trouble('internal', 'the registry client is closed', { cause: error });
  }
  const trouble = (kind: 'unreachable' | 'timeout' | 'bad-answer', words: string): Trouble =>
    new Trouble(kind, `${name} cannot be asked: ${words}`, { cause: error });
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return trouble('timeout', 'no connection in time');
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return new Trouble('bad-answer', `${name} sends too many headers`, { cause: error });
  if (code.startsWith('HPE_') || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return new Trouble('bad-answer', `the answer of ${name} is not HTTP`, { cause: error });
  }
  if (BROKEN_CONNECTION.has(code)) return trouble('unreachable', 'it closed the connection without an answer');
  const words = IN_WORDS[code];
  if (words !== undefined) return trouble('unreachable', words);
  if (/CERT|TLS|SSL|ISSUER|SIGNATURE/.test(code))
    return trouble('unreachable', `its TLS certificate is not trusted (${code})`);
  // Everything else with a code of the system's or of undici's comes from the connection as well.
  return /^(?:E[A-Z]+|UND_ERR_)/.test(code) && !code.startsWith('ERR_') ? trouble('unreachable', code) : error;
}

/** undici's parser errors come with and without a code. Errors are told by their fields: they may stem from another realm. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && error.name === 'HTTPParserError' ? 'HPE_UNKNOWN' : '';
}
