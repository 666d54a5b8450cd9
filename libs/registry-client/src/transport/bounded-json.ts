import { Trouble } from '../failure.ts';

const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/**
 * A body of JSON, parsed, unless it holds more than `maxValues`: that is refused before anything is made of it, as a small
 * body can become hundreds of megabytes. Commas and brackets inside strings count too. `what` names it in messages. Throws
 * `Trouble`, and `SyntaxError` where it is no JSON.
 */
export function boundedJson(bytes: Buffer, maxValues: number, what: string): unknown {
  let values = 1;
  // By index: of a Buffer's iterator the same takes eight times as long.
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte !== COMMA && byte !== OPENING_BRACKET && byte !== OPENING_BRACE) continue;
    if (++values <= maxValues) continue;
    throw new Trouble('bad-answer', `${what} is too large: it holds more than ${maxValues} values`);
  }
  return JSON.parse(bytes.toString('utf8'));
}
