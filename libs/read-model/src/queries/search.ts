import { parseRegistryHost } from '@dtm/oci';

/**
 * A search for a text anywhere in a reference, or for `[registry/]repository[:tag]` with each part anywhere in its own, so
 * that `docker.io/ngin:1.2` finds `docker.io/library/nginx:1.27`. Its SQL, of which each piece says what it may look at;
 * `bind` takes a value and answers its placeholder.
 */
export class Search {
  readonly #text: string;
  readonly #parts: Parts;
  readonly #bind: (value: unknown) => string;

  constructor(q: string, bind: (value: unknown) => string) {
    this.#text = q.trim().toLowerCase();
    this.#parts = partsOf(this.#text);
    this.#bind = bind;
  }

  /** Whether the text is looked for as it stands, rather than each of its parts. */
  get isPlain(): boolean {
    return this.#parts.registry === null && this.#parts.tag === null;
  }

  /** A condition of a plain search on `t.search` alone, so that an index that holds it answers without the table. */
  onTag(): string {
    return `t.search like ${this.#bind(within(this.#text))}`;
  }

  /** A condition of a plain search on a repository `r` that every one of its tags is found by. */
  onRepository(): string {
    return `${REPOSITORY_NAME} like ${this.#bind(within(this.#text))}`;
  }

  /** A condition on the name of a tag `t` that finds it whatever its repository; null where no tag can be called so. */
  onTagName(): string | null {
    return /[/:]/.test(this.#text) ? null : `lower(t.tag) like ${this.#bind(within(this.#text))}`;
  }

  /** A statement that answers the ids of all that is found, by way of the repositories, of which there are few. */
  idsIn(schema: string, condition: string | null): string {
    const and = condition === null ? '' : `and ${condition}`;
    const from = `${schema}.repository r join ${schema}.tag t on t.repository_id = r.id`;
    if (!this.isPlain) return `select t.id from ${from} where ${this.#onParts()} ${and}`;
    const places = [`select t.id from ${from} where ${this.onRepository()} ${and}`];
    const onTagName = this.onTagName();
    if (onTagName !== null) places.push(`select t.id from ${schema}.tag t where ${onTagName} ${and}`);
    return places.join(' union ');
  }

  /** A condition of a search with parts on a repository `r` and its tag `t`. */
  #onParts(): string {
    const { registry, repository, tag } = this.#parts;
    const eachPart = [`r.repository like ${this.#bind(within(repository))}`];
    if (registry !== null) eachPart.push(`r.registry like ${this.#bind(within(registry))}`);
    if (tag !== null) eachPart.push(`lower(t.tag) like ${this.#bind(within(tag))}`);
    const ways = [eachPart.join(' and '), this.onRepository()];
    if (registry === null && tag !== null) {
      // The text as it stands may begin in the middle of a registry's name.
      const before = this.#bind(`%${escaped(this.#text.slice(0, -tag.length - 1))}`);
      const after = this.#bind(`${escaped(tag)}%`);
      ways.push(`${REPOSITORY_NAME} like ${before} and lower(t.tag) like ${after}`);
    }
    // The first holds whichever way it is found, and is there for the index.
    return `${REPOSITORY_NAME} like ${this.#bind(within(repository))} and (${ways.join(' or ')})`;
  }
}

/** As the index of searches has it. */
const REPOSITORY_NAME = `(r.registry || '/' || r.repository)`;

interface Parts {
  registry: string | null;
  repository: string;
  tag: string | null;
}

function partsOf(text: string): Parts {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const name = colon < 0 ? text : text.slice(0, colon);
  const tag = colon < 0 ? null : text.slice(colon + 1);
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: null, repository: name, tag };
  const host = parseRegistryHost(first);
  return { registry: 'host' in host ? host.host : first, repository: name.slice(slash + 1), tag };
}

/** The LIKE pattern of what contains a text. */
function within(text: string): string {
  return `%${escaped(text)}%`;
}

function escaped(part: string): string {
  return part.replace(/[\\%_]/g, '\\$&');
}
