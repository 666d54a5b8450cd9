import type { TagSortName, TagStateName } from '../queries.ts';
import type { Place } from './tag-order.ts';

/** How long a list of tags is, and for how long that holds. */
export interface Count {
  total: number;
  /** Another one as soon as any tag is written. */
  version: string;
  /** A cut-off for `inactive` behind the one and not behind the other leaves the list the same; null: whatever it is. */
  agedUntil: Date | null;
  agesAt: Date | null;
}

/** The row with a number, counted from 0 in descending order. */
export interface KnownPlace {
  position: number;
  place: Place;
}

/** More would take more memory than they save time. */
const MAX_PLACES = 1_000;

/**
 * The tags of a state as long as none is written: how many they are, and which row has which number, so that a page far from
 * either end is found from the nearest row that is known. Right only for an answer that tells the same version.
 */
export class KnownList {
  readonly schema: string;
  readonly count: Count;
  readonly #places = new Map<TagSortName, KnownPlace[]>();

  constructor(schema: string, count: Count) {
    this.schema = schema;
    this.count = count;
  }

  /** Whether a later question is one of the same list, if no tag was written meanwhile. */
  holdsFor(schema: string, inactiveBefore: Date): boolean {
    const { agedUntil, agesAt } = this.count;
    const aged = agedUntil !== null && inactiveBefore <= agedUntil;
    const ages = agesAt !== null && inactiveBefore > agesAt;
    return this.schema === schema && !aged && !ages;
  }

  /** The known row nearest to a number; null where an end of the list is as near. */
  nearest(sort: TagSortName, position: number): KnownPlace | null {
    const places = this.#places.get(sort) ?? [];
    const at = insertionIndex(places, position);
    let nearest: KnownPlace | null = null;
    let distance = Math.min(position + 1, this.count.total - position);
    for (const known of [places[at - 1], places[at]]) {
      if (known === undefined || Math.abs(known.position - position) >= distance) continue;
      nearest = known;
      distance = Math.abs(known.position - position);
    }
    return nearest;
  }

  /** Notes which row had a number at a version; nothing, where that is not the list's own. */
  found(sort: TagSortName, position: number, version: string, place: Place): void {
    if (version !== this.count.version) return;
    const places = this.#places.get(sort) ?? [];
    this.#places.set(sort, places);
    const at = insertionIndex(places, position);
    if (places.length < MAX_PLACES && places[at]?.position !== position) places.splice(at, 0, { position, place });
  }
}

/** Where a number belongs among rows in ascending order. */
function insertionIndex(places: readonly KnownPlace[], position: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle]?.position ?? Infinity) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The newest known list of each state. */
export type KnownLists = Map<TagStateName | null, KnownList>;
