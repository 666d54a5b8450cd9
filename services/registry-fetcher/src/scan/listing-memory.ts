import type { ListingHead, ListingStore } from '@dtm/jetstream';
import { isWantedTag, type RepositoryName } from '@dtm/oci';
import type { SeenTags } from './listed-tags.ts';
import type { Listing } from './registry-reader.ts';

/** What a scan's listing has that the last one had not. */
export interface ListingNews {
  appeared: string[];
  /** Remembers the listing; to be called once `appeared` is on record. What is told twice does no harm, what never is, would. */
  remember: () => Promise<void>;
}

/** Compares what a scan came across with what was listed before. */
export interface Listings {
  /** `seen`: names that the scan came across. `list` asks the registry for its list, where that is worth a request. */
  compare(
    name: RepositoryName,
    seen: SeenTags | null,
    list: () => Promise<Listing>,
    /** How often the repository is scanned. */
    intervalMs: number,
  ): Promise<ListingNews>;
}

const HOUR_MS = 3_600_000;
/** Who scans more often wants to hear of new tags sooner too: a list is a tenth of what is asked for. */
const SCANS_BETWEEN = 10;
/** The pause is so many times as long as the list takes requests, so that long ones cost no more than short ones. */
const LONGEST_PAUSE_MS = 24 * HOUR_MS;
/** Of a repository with more tags none is remembered: those beyond would seem to appear each time. */
const REMEMBERED_MAX = 50_000;
/** Tags that one scan tells of; only these are remembered, so that the next one tells of the rest. */
const APPEARED_MAX = 1_000;
/** Repositories whose pauses are known in the process; beyond it the bucket is asked again. */
const PAUSES_MAX = 100_000;

interface Found extends SeenTags {
  /** Read page by page: what moved to the front meanwhile is in none of them, and yet there. */
  paged: boolean;
  /** Where the registry was asked for the list alone: when to do so again. */
  askAgainAt: Date | null;
}

interface Compared {
  /** Null where there is nothing to compare with. */
  before: ReadonlySet<string> | null;
  /** Null where nothing can be compared with it the next time. */
  tags: ReadonlySet<string> | null;
  appeared: readonly string[];
  askAgainAt: Date | null;
}

const NOTHING: ListingNews = { appeared: [], remember: () => Promise.resolve() };

/**
 * Finds the tags that appear in a repository: by the names that a scan comes across at no extra request, else by a list of
 * its own. Compared is with a complete list only, which is asked for where none is remembered: of the first one, nothing is
 * new. Signatures and names of single builds, which nobody wants to be tracked, are left out of all of it.
 */
export class ListingMemory implements Listings {
  readonly #store: Pick<ListingStore, 'readHead' | 'readTags' | 'write' | 'postpone'>;
  readonly #now: () => Date;
  readonly #appearedMax: number;
  /** By repository; epoch ms before which its list is not asked for. Failures are remembered here only. */
  readonly #pauses = new Map<string, number>();

  constructor(
    store: Pick<ListingStore, 'readHead' | 'readTags' | 'write' | 'postpone'>,
    { now = () => new Date(), appearedMax = APPEARED_MAX }: { now?: () => Date; appearedMax?: number } = {},
  ) {
    this.#store = store;
    this.#now = now;
    this.#appearedMax = appearedMax;
  }

  async compare(
    name: RepositoryName,
    seen: SeenTags | null,
    list: () => Promise<Listing>,
    intervalMs: number,
  ): Promise<ListingNews> {
    if (seen === null && this.#isPaused(name)) return NOTHING;
    const head = await this.#store.readHead(name);
    if (head.askAgainAt !== null) this.#pause(name, head.askAgainAt);
    if (seen === null && this.#isPaused(name)) return NOTHING;
    const before = await this.#store.readTags(name, head);
    const isEnough = seen !== null && (seen.complete || before !== null);
    const found: Found | null = isEnough
      ? { ...seen, paged: seen.paged === true, askAgainAt: null }
      : await this.#ask(name, seen, list, Math.min(HOUR_MS, SCANS_BETWEEN * intervalMs));
    if (found === null) return NOTHING;
    const wanted = new Set(found.tags.filter(isWantedTag));
    const appeared = before === null ? [] : [...wanted].filter((tag) => !before.has(tag)).slice(0, this.#appearedMax);
    const tags = toRemember(before, wanted, appeared, found);
    const { askAgainAt } = found;
    return { appeared, remember: () => this.#remember(name, head, { before, tags, appeared, askAgainAt }) };
  }

  /** Null where the registry gave none, or was asked not long ago. */
  async #ask(
    name: RepositoryName,
    seen: SeenTags | null,
    list: () => Promise<Listing>,
    least: number,
  ): Promise<Found | null> {
    if (this.#isPaused(name)) return null;
    const listing = await list();
    this.#pause(name, this.#after(least));
    if (listing.kind === 'failure') return null;
    const { tags, complete, requests } = listing;
    // A list that the registry cut tells nothing: it is not worth asking for it so often.
    const pause = complete && tags.length <= REMEMBERED_MAX ? least * Math.max(1, requests) : LONGEST_PAUSE_MS;
    // An API that names a tag which the registry's own list does not have yet shows nothing new the next time.
    return { tags: [...tags, ...(seen?.tags ?? [])], complete, paged: requests > 1, askAgainAt: this.#after(pause) };
  }

  async #remember(
    name: RepositoryName,
    head: ListingHead,
    { before, tags, appeared, askAgainAt }: Compared,
  ): Promise<void> {
    const isSame =
      before === null
        ? tags === null && !head.hasTags && head.revision > 0
        : appeared.length === 0 && tags?.size === before.size;
    if (!isSame) await this.#store.write(name, head, tags, askAgainAt ?? head.askAgainAt);
    else if (askAgainAt !== null) await this.#store.postpone(name, head, askAgainAt);
    if (askAgainAt !== null) this.#pause(name, askAgainAt);
  }

  #after(ms: number): Date {
    return new Date(this.#now().getTime() + Math.min(ms, LONGEST_PAUSE_MS));
  }

  /** A time further off than any pause is that of a clock that was wrong. */
  #isPaused(name: RepositoryName): boolean {
    const wait = (this.#pauses.get(name.toString()) ?? 0) - this.#now().getTime();
    return wait > 0 && wait <= LONGEST_PAUSE_MS;
  }

  #pause(name: RepositoryName, until: Date): void {
    if (this.#pauses.size >= PAUSES_MAX) this.#pauses.clear();
    const key = name.toString();
    this.#pauses.set(key, Math.max(this.#pauses.get(key) ?? 0, until.getTime()));
  }
}

/**
 * Stands in where nobody wants to know what appears. What was listed before is forgotten: once it is wanted again, what had
 * appeared in the meantime is no news.
 */
export class ForgottenListings implements Listings {
  readonly #store: Pick<ListingStore, 'forget'>;
  readonly #forgotten = new Set<string>();

  constructor(store: Pick<ListingStore, 'forget'>) {
    this.#store = store;
  }

  async compare(name: RepositoryName): Promise<ListingNews> {
    const key = name.toString();
    if (this.#forgotten.has(key)) return NOTHING;
    await this.#store.forget(name);
    this.#forgotten.add(key);
    return NOTHING;
  }
}

/**
 * A complete list replaces what is remembered, so that a tag which vanished and returns is new; any other adds to it, as does
 * one of several pages, as long as all of them can be remembered.
 */
function toRemember(
  before: ReadonlySet<string> | null,
  wanted: ReadonlySet<string>,
  appeared: readonly string[],
  { complete, paged }: Found,
): ReadonlySet<string> | null {
  if (before === null) return complete ? withinLimit(wanted) : null;
  const all = new Set([...before, ...appeared]);
  const mayForget = complete && (!paged || all.size > REMEMBERED_MAX);
  return withinLimit(mayForget ? new Set([...before].filter((tag) => wanted.has(tag)).concat(appeared)) : all);
}

function withinLimit(tags: ReadonlySet<string>): ReadonlySet<string> | null {
  return tags.size <= REMEMBERED_MAX ? tags : null;
}
