import type { Listing } from './registry-reader.ts';

/** Names of tags that a repository has; `complete` false where it may have more. */
export interface SeenTags {
  tags: readonly string[];
  complete: boolean;
  /** Whether it took several pages, between which names may have moved. */
  paged?: boolean;
}

/** The names that one scan came across, and the registry's own list, which is asked for once a scan at most. */
export class ListedTags {
  readonly #list: () => Promise<Listing>;
  #asked: Promise<Listing> | null = null;
  #seen: { tags: Set<string>; complete: boolean; paged: boolean } | null = null;

  constructor(list: () => Promise<Listing>) {
    this.#list = list;
  }

  /** What cost no request of its own; null where the scan asked for single tags only. */
  get seen(): SeenTags | null {
    return this.#seen === null ? null : { ...this.#seen, tags: [...this.#seen.tags] };
  }

  /** A complete list replaces what was seen before, any other adds to it. */
  note({ tags, complete, paged = false }: SeenTags): void {
    if (complete || this.#seen === null) this.#seen = { tags: new Set(tags), complete, paged };
    else for (const tag of tags) this.#seen.tags.add(tag);
  }

  ask(): Promise<Listing> {
    this.#asked ??= this.#list();
    return this.#asked;
  }

  /** Null where the registry gave no complete list. */
  async askComplete(): Promise<ReadonlySet<string> | null> {
    const listing = await this.ask();
    return listing.kind === 'listed' && listing.complete ? new Set(listing.tags) : null;
  }
}
