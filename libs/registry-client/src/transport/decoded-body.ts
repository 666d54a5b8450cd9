import { gunzipSync } from 'node:zlib';
import { printable } from '@dtm/oci';
import { Trouble } from '../failure.ts';
import { type Answer, single } from './exchange.ts';

/** An answer's body without its compression, at most `maxBytes`. `what` names it in messages. Throws `Trouble`. */
export function decodedBody(answer: Pick<Answer, 'headers' | 'body'>, maxBytes: number, what: string): Buffer {
  const encoding = single(answer.headers['content-encoding'])?.toLowerCase() ?? 'identity';
  if (encoding === 'identity') return answer.body;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new Trouble('bad-answer', `the registry sent ${what} encoded as "${printable(encoding)}"`);
  }
  try {
    return gunzipSync(answer.body, { maxOutputLength: maxBytes });
  } catch (error) {
    const large = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new Trouble('bad-answer', large ? `${what} is too large` : `${what} is not the gzip it claims to be`);
  }
}
