import { createHash } from 'node:crypto';
import type { RepositoryName } from '@dtm/oci';

/** Tags remembered in all; beyond that all are forgotten, and cursors vouch by their fingerprint alone. */
const MAX_TAGS = 2_000_000;

interface Vouched {
  cursor: string;
  tags: ReadonlySet<string>;
}

/**
 * Which tags a cursor speaks for. "Nothing older than the cursor was moved" only helps for tags that were settled when the
 * cursor was given: a tag that was not looked at then may have moved before. The cursor carries a fingerprint of its tags,
 * so that it serves other processes that ask for the same ones; this process remembers the very set.
 */
export class VouchedTags {
  readonly #byRepository = new Map<string, Vouched>();
  #size = 0;

  /** The source's part of a cursor, and whether a tag was settled when it was given; null where the cursor is not one of these. */
  open(
    repository: RepositoryName,
    cursor: string | undefined,
    asked: readonly string[],
  ): { inner: string; vouches: (tag: string) => boolean } | null {
    const [, print, inner] = /^([\w-]{12})\.(.*)$/s.exec(cursor ?? '') ?? [];
    if (cursor === undefined || print === undefined || inner === undefined) return null;
    const remembered = this.#byRepository.get(repository.toString());
    if (remembered?.cursor === cursor) return { inner, vouches: (tag) => remembered.tags.has(tag) };
    const same = print === fingerprint(asked);
    return { inner, vouches: () => same };
  }

  /** The cursor that speaks for the tags `settled` just now, and `still`, for which the one before spoke. */
  seal(repository: RepositoryName, inner: string, settled: readonly string[], still: Iterable<string>): string {
    const cursor = `${fingerprint(settled)}.${inner}`;
    const key = repository.toString();
    const tags = new Set([...settled, ...still]);
    this.#size += tags.size - (this.#byRepository.get(key)?.tags.size ?? 0);
    if (this.#size > MAX_TAGS) {
      this.#byRepository.clear();
      this.#size = tags.size;
    }
    this.#byRepository.set(key, { cursor, tags });
    return cursor;
  }

  /** The tags that this process knows a cursor to speak for. */
  rememberedBy(repository: RepositoryName, cursor: string | undefined): ReadonlySet<string> {
    const remembered = this.#byRepository.get(repository.toString());
    return cursor !== undefined && remembered?.cursor === cursor ? remembered.tags : NONE;
  }
}

const NONE: ReadonlySet<string> = new Set();

function fingerprint(tags: readonly string[]): string {
  const hash = createHash('sha256');
  for (const tag of [...new Set(tags)].sort()) hash.update(`${tag}\n`);
  return hash.digest('base64url').slice(0, 12);
}
