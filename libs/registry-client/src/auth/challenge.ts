/** One challenge of a WWW-Authenticate header. Scheme and parameter names are in lower case. */
export interface Challenge {
  scheme: string;
  /** Null prototype: the names come from outside. */
  params: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const SPACE = /[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** What stands unquoted in practice goes beyond a token: URLs and scopes. */
const UNQUOTED = /[^\s,"]+/y;

/**
 * Reads the challenges of all WWW-Authenticate headers of an answer, by RFC 9110 section 11.6.1, forgiving what registries
 * really send: several challenges in one header, the header repeated, unquoted URLs, a missing closing quote.
 */
export function parseChallenges(header: string | string[] | undefined): Challenge[] {
  if (header === undefined) return [];
  return typeof header === 'string' ? parseOne(header) : header.flatMap(parseOne);
}

function parseOne(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const read = new Cursor(header);
  let params: Record<string, string> | null = null;
  for (;;) {
    read.match(SEPARATORS);
    const word = read.match(TOKEN);
    if (word === null) return challenges;
    // Behind a word stands "=" where it is a parameter of the challenge before, a space or nothing where a new one begins.
    if (params !== null && read.match(EQUALS) !== null) {
      const value = readValue(read);
      const name = word.toLowerCase();
      if (!(name in params)) params[name] = value;
      continue;
    }
    params = Object.create(null) as Record<string, string>;
    challenges.push({ scheme: word.toLowerCase(), params });
    read.match(SPACE);
    read.match(TOKEN68);
  }
}

function readValue(read: Cursor): string {
  const quoted = read.match(QUOTED);
  if (quoted !== null) return quoted.slice(1, -1).replace(/\\(.)/g, '$1');
  if (read.startsWith('"')) return read.rest().slice(1);
  return read.match(UNQUOTED) ?? '';
}

class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text that a sticky pattern matches here, stepped over; null where it does not match. */
  match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return null;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  rest(): string {
    const rest = this.#text.slice(this.#at);
    this.#at = this.#text.length;
    return rest;
  }
}
