import type { TagSortName, TagStateName } from '../queries.ts';
import { ORDERED_SINCE, type Pointer } from '../schema/create-schema.ts';
import { hasState } from './tag-row.ts';

/** What each sort looks at, its type, and what stands for a missing value. */
const KEYS: Record<TagSortName, { column: string; type: string; missing?: string }> = {
  changes: { column: 'change_count', type: 'integer' },
  lastChangedAt: { column: 'last_changed_at', type: 'timestamptz', missing: `'-infinity'` },
  trackedSince: { column: 'tracked_since', type: 'timestamptz', missing: `'-infinity'` },
  registry: { column: 'registry', type: 'text' },
  repository: { column: 'repository', type: 'text' },
  tag: { column: 'tag', type: 'text' },
};

/** Where a row stands in an order: what the order compares, as text, which loses nothing of a time. */
export interface Place {
  key: string;
  search: string;
  id: number;
}

/** An order of the tags `t`, of all or of those in a state: by a column, then by name; missing values are the least. */
export class TagOrder {
  readonly sort: TagSortName;
  readonly #key: string;
  readonly #type: string;
  readonly #state: TagStateName | null;

  constructor({ version }: Pointer, sort: TagSortName, state: TagStateName | null) {
    const { column, type, missing } = KEYS[sort];
    this.sort = sort;
    this.#state = state;
    this.#type = type;
    // As the index has it; a row can be compared with a place only where no part of it is missing.
    this.#key = missing === undefined || version < ORDERED_SINCE ? `t.${column}` : `coalesce(t.${column}, ${missing})`;
  }

  /** For `order by`; one index serves both directions. */
  by(descending: boolean): string {
    const [nulls, direction] = descending ? ['desc nulls last', 'desc'] : ['asc nulls first', 'asc'];
    return `${this.#key} ${nulls}, t.search ${direction}, t.id ${direction}`;
  }

  /** Columns of a `Place` but for the id, which every row has. */
  get placeColumns(): string {
    return `${this.#key}::text as "placeKey", t.search as "placeSearch"`;
  }

  /** The condition of the state, for `where`; the instant before which a tag is inactive is the first of all values. */
  get state(): string | null {
    return this.#state === null ? null : hasState(this.#state, '$1');
  }

  /** The condition that a row comes behind a place; `bind` takes a value and answers its placeholder. */
  behind(place: Place, descending: boolean, bind: (value: unknown) => string): string {
    const [key, search, id] = [bind(place.key), bind(place.search), bind(place.id)];
    return `(${this.#key}, t.search, t.id) ${descending ? '<' : '>'} (${key}::${this.#type}, ${search}::text, ${id}::bigint)`;
  }
}
