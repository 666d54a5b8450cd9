import { type Digest, isTag, parseDigest } from '@dtm/oci';
import { isRegistryFailure } from '../../failure.ts';
import { TagNames } from '../../tag-names.ts';
import type { BulkAnswer, BulkRequest, BulkRow } from './bulk-source.ts';

/** Pages of one list, however many tags are tracked. */
const MAX_PAGES = 200;
/** Of all pages together, after decompression. A hundred artifacts of Harbor take half a megabyte. */
const MAX_BYTES = 128 * 1024 * 1024;

/**
 * What a source has read so far: page after page, until what is left is cheaper to ask for tag by tag, or the registry sends
 * more than any list may be. Of tags that nobody asks about only the names are kept.
 */
export class BulkReading {
  readonly rows = new Map<string, BulkRow>();
  requests = 0;
  readonly #wanted: ReadonlySet<string>;
  readonly #remembered: ReadonlySet<string>;
  readonly #missing: Set<string>;
  readonly #names = new TagNames();
  #pages = 0;
  #size = 0;
  #brokenOff = false;

  constructor(request: BulkRequest) {
    this.#wanted = request.tags;
    this.#remembered = request.remembered;
    this.#missing = new Set(request.tags);
  }

  /** Adds a row; what is no tag is left out, and what is no digest, or a second one, makes the tag's digest unknown. */
  add(tag: unknown, digest: unknown, times: { pushedAt?: Date | null; provenAt?: Date | null } = {}): void {
    if (typeof tag !== 'string' || !isTag(tag)) return;
    this.#names.add(tag);
    if (!this.#wanted.has(tag) && !this.#remembered.has(tag)) return;
    const parsed = typeof digest === 'string' ? parseDigest(digest) : null;
    const before = this.rows.get(tag);
    if (before !== undefined) {
      if (before.digest !== parsed) this.rows.set(tag, { digest: null });
      return;
    }
    this.rows.set(tag, rowOf(parsed, times));
    this.#missing.delete(tag);
  }

  /**
   * Asks for a page; `size` is that of its body. Null where that failed after other pages had come: what they told stands, and the list counts as cut.
   * Throws what the first page's request throws.
   */
  async page<T extends { requests: number; size: number }>(ask: () => Promise<T>): Promise<T | null> {
    try {
      const page = await ask();
      this.requests += page.requests;
      this.#size += page.size;
      this.#pages += 1;
      return page;
    } catch (error) {
      if (!isRegistryFailure(error) || this.#pages === 0) throw error;
      this.requests += error.requests;
      this.#brokenOff = true;
      return null;
    }
  }

  /** How many of the tags that are wanted no row named yet. */
  get missing(): number {
    return this.#missing.size;
  }

  /** Whether a further page may save requests: two tags or more are missing, and pages cost no more than asking for each tag. */
  get worthAnotherPage(): boolean {
    const most = Math.min(MAX_PAGES, Math.max(1, this.#wanted.size));
    return !this.#isCut && this.#size < MAX_BYTES && this.#pages < most && this.#missing.size > 1;
  }

  answer(end: { complete: boolean; total?: number; restUnchanged?: boolean; cursor?: string | null }): BulkAnswer {
    const { complete, total, restUnchanged = false, cursor = null } = end;
    const ends = complete && !this.#isCut;
    const listing = { tags: this.#names.toArray(), complete: ends, ...(this.#pages > 1 ? { paged: true } : {}) };
    return {
      rows: this.rows,
      restUnchanged: restUnchanged && !this.#isCut,
      listing: total === undefined ? listing : { ...listing, total },
      cursor,
      requests: this.requests,
    };
  }

  /** Whether there is more than was read, or than is kept of it. */
  get #isCut(): boolean {
    return this.#brokenOff || this.#names.isCut;
  }
}

/**
 * A time that an API names, in milliseconds since the epoch or as text; null where it is none, long before containers, or
 * still to come: no event could hold what lies beyond the year 9999, and the scan would fail for ever.
 */
export function timeOf(value: unknown): Date | null {
  const milliseconds = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return milliseconds > EARLIEST && milliseconds < Date.now() + DAY_MS ? new Date(milliseconds) : null;
}

/** Clocks differ. */
const DAY_MS = 24 * 60 * 60 * 1000;

/** Reproducible builds and empty fields give 1970 or 1980; there were no registries before. */
const EARLIEST = Date.UTC(2010, 0, 1);

function rowOf(
  digest: Digest | null,
  { pushedAt, provenAt }: { pushedAt?: Date | null; provenAt?: Date | null },
): BulkRow {
  return {
    digest,
    ...(pushedAt == null ? {} : { pushedAt }),
    ...(provenAt == null ? {} : { provenAt }),
  };
}
