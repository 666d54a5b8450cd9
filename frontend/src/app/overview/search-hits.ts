import { computed, inject, Injectable, signal } from '@angular/core';
import type { TagSummary } from '@dtm/api-contract';
import { isInvalid, Reference } from '@dtm/oci';
import { latest } from '../api/latest.ts';
import { TagsApi } from '../api/tags-api.ts';

const AT_MOST = 5;
/** A reference is looked for among so many tags that contain its own, which the api cannot be asked for by itself. */
const LIKE_IT = 100;
/** The api looks for no longer texts. */
export const SEARCHED_AT_MOST = 300;
/** What the api can look for; anything else is in no reference, but for what is too long. */
const SEARCHABLE = new RegExp(`^[\\x20-\\x7e]{1,${SEARCHED_AT_MOST}}$`);

/** Something that the search can lead to. */
export type Suggestion =
  | { kind: 'tag'; tag: TagSummary }
  /** There are more than are suggested: the list has them. */
  | { kind: 'all'; count: number }
  | { kind: 'watch'; reference: string };

/** Whether a text can be looked for at all. */
export function isSearchable(text: string): boolean {
  return text === '' || SEARCHABLE.test(text);
}

/** What a search finds: at most five tags, the one that is named first, then those that changed most; and the one that could be watched. */
@Injectable()
export class SearchHits {
  /** The text of the search, trimmed. */
  readonly sought = signal('');

  readonly #api = inject(TagsApi);
  readonly #parsed = computed(() => (this.sought() === '' ? null : Reference.parse(this.sought())));
  readonly #reference = computed(() => {
    const parsed = this.#parsed();
    return parsed === null || isInvalid(parsed) ? undefined : parsed.toString();
  });
  /** The hits before stay until the next ones have come, so that the list does not flicker while someone types. */
  readonly #hits = latest(
    this.#api.list(() =>
      SEARCHABLE.test(this.sought())
        ? { q: this.sought(), state: null, sort: 'changes', order: 'desc', page: 1, limit: AT_MOST }
        : undefined,
    ),
    () => this.sought() === '',
  );
  readonly #known = latest(
    this.#api.list(() => {
      const q = this.#reference();
      // Its page alone knows whether one that is longer is on record.
      return q === undefined || !SEARCHABLE.test(q)
        ? undefined
        : { q, state: null, sort: 'tag', order: 'asc', page: 1, limit: LIKE_IT };
    }),
    this.#reference,
  );

  /** The very tag that is meant, where it is on record. */
  readonly exact = computed(() => this.#known.value()?.items.find(({ reference }) => reference === this.#reference()));

  /** A reference that is meant and not watched; null where there is none, and while that is not known. */
  readonly offered = computed(() => {
    const reference = this.#reference();
    const known = this.#known.value();
    const row = this.exact();
    if (reference !== undefined && !SEARCHABLE.test(reference)) return reference;
    if (reference === undefined || known === undefined) return null;
    if (row === undefined) return (known.total ?? 0) > LIKE_IT ? null : reference;
    return row.state === 'untracked' ? reference : null;
  });

  /** The same where nothing else is found: among other hits it is seldom what is meant, and a suggestion is enough. */
  readonly offeredAlone = computed(() => {
    const none = !SEARCHABLE.test(this.sought()) || this.#hits.value()?.items.length === 0;
    return none ? this.offered() : null;
  });

  /** What is found for the text is still on the way. */
  readonly busy = computed(() => this.#hits.busy() || this.#known.busy());

  readonly suggestions = computed<Suggestion[]>(() => {
    const hits = SEARCHABLE.test(this.sought()) ? this.#hits.value() : undefined;
    const offered = this.offered();
    const exact = this.exact();
    const others = (hits?.items ?? []).filter(({ reference }) => reference !== exact?.reference);
    const tags = [...(exact === undefined ? [] : [exact]), ...others].slice(0, AT_MOST);
    const suggestions: Suggestion[] = tags.map((tag) => ({ kind: 'tag', tag }));
    const count = hits?.total ?? 0;
    if (count > suggestions.length) suggestions.push({ kind: 'all', count });
    if (offered !== null) suggestions.push({ kind: 'watch', reference: offered });
    return suggestions;
  });

  /** Why there is nothing to suggest; null where there is something, and while that is not known. */
  readonly nothing = computed(() => {
    const sought = this.sought();
    if (sought === '' || this.suggestions().length > 0) return null;
    const parsed = this.#parsed();
    const none = !SEARCHABLE.test(sought) || this.#hits.value()?.items.length === 0;
    if (!none || parsed === null || !isInvalid(parsed)) return null;
    return `Invalid format: ${parsed.reason}. A reference is [registry/]image[:tag].`;
  });
}
