import { isTag } from '@dtm/oci';

/** Names that are kept of one repository. The largest that are known have a little more, most of them names of single builds. */
export const MAX_TAG_NAMES = 200_000;
/** Of all of them together: signatures have names of 75 letters. */
const MAX_LETTERS = 8 * 1024 * 1024;

/** The names of a repository's tags: valid ones, each once, in the order they came, as many as may be kept. */
export class TagNames {
  readonly #names = new Set<string>();
  #letters = 0;
  #isCut = false;

  /** Adds a name, unless it is no tag or there are too many already. */
  add(name: unknown): void {
    if (typeof name !== 'string' || !isTag(name) || this.#names.has(name)) return;
    if (this.#names.size >= MAX_TAG_NAMES || this.#letters + name.length > MAX_LETTERS) {
      this.#isCut = true;
      return;
    }
    this.#names.add(name);
    this.#letters += name.length;
  }

  /** Whether some were left out: nothing may be concluded from a name's absence. */
  get isCut(): boolean {
    return this.#isCut;
  }

  toArray(): string[] {
    return [...this.#names];
  }
}
