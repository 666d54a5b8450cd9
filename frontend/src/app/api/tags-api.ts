import { HttpClient, httpResource, type HttpResourceRef } from '@angular/common/http';
import { inject, Injectable } from '@angular/core';
import type {
  AvailableTags,
  Change,
  Frequency,
  FrequencyInterval,
  Page,
  SortOrder,
  TagDetails,
  TagSort,
  TagState,
  TagSummary,
  TrackRequest,
  TrackResponse,
  TrackResult,
} from '@dtm/api-contract';
import { firstValueFrom, fromEvent, takeUntil } from 'rxjs';

export interface TagsQuery {
  /** Substring, or `[registry/]repository[:tag]`; empty: all. */
  q: string;
  state: TagState | null;
  sort: TagSort;
  order: SortOrder;
  /** From 1. */
  page: number;
  /** 1 to 100 */
  limit: number;
}

const CHANGES_PER_CALL = 100;
const SHOWN_AVAILABLE = 50;

/**
 * What the api knows of tags. Resources follow the signals that their arguments read; call them where `inject` may be.
 * References are canonical.
 */
@Injectable({ providedIn: 'root' })
export class TagsApi {
  readonly #http = inject(HttpClient);

  /** A page of tags; no call while the query is undefined. */
  list(query: () => TagsQuery | undefined): HttpResourceRef<Page<TagSummary> | undefined> {
    return httpResource<Page<TagSummary>>(() => {
      const asked = query();
      if (asked === undefined) return undefined;
      const { q, state, ...rest } = asked;
      return {
        url: '/api/v1/tags',
        params: { ...rest, ...(q === '' ? {} : { q }), ...(state === null ? {} : { state }) },
      };
    });
  }

  /** One tag; 404 where nothing is known of it. */
  details(reference: () => string | undefined): HttpResourceRef<TagDetails | undefined> {
    return httpResource<TagDetails>(() => pathOf(reference()));
  }

  /** A page of a tag's changes, newest first. */
  changes(
    query: () => { reference: string; page: number; limit: number } | undefined,
  ): HttpResourceRef<Page<Change> | undefined> {
    return httpResource<Page<Change>>(() => {
      const asked = query();
      if (asked === undefined) return undefined;
      return { url: `${pathOf(asked.reference)}/changes`, params: { page: asked.page, limit: asked.limit } };
    });
  }

  /** Changes per week or month. */
  frequency(
    query: () => { reference: string; interval: FrequencyInterval } | undefined,
  ): HttpResourceRef<Frequency | undefined> {
    return httpResource<Frequency>(() => {
      const asked = query();
      if (asked === undefined) return undefined;
      return { url: `${pathOf(asked.reference)}/frequency`, params: { interval: asked.interval } };
    });
  }

  /** A repository's tags, asked from its registry just now. */
  available(
    query: () => { repository: string; filter: string; without: string } | undefined,
  ): HttpResourceRef<AvailableTags | undefined> {
    return httpResource<AvailableTags>(() => {
      const asked = query();
      if (asked === undefined) return undefined;
      return {
        url: `/api/v1/repositories/${escaped(asked.repository)}/available-tags`,
        params: {
          limit: SHOWN_AVAILABLE,
          without: asked.without,
          ...(asked.filter === '' ? {} : { filter: asked.filter }),
        },
      };
    });
  }

  /**
   * Changes back to an instant (milliseconds), newest first; `complete` is false where `atMost` cut them off. Rejects once
   * the signal aborts.
   */
  async changesSince(
    reference: string,
    since: number,
    atMost: number,
    signal: AbortSignal,
  ): Promise<{ changes: Change[]; complete: boolean }> {
    const aborted = fromEvent(signal, 'abort');
    const changes: Change[] = [];
    for (let page = 1; changes.length < atMost; page++) {
      signal.throwIfAborted();
      const params = { page, limit: CHANGES_PER_CALL };
      const answer = await firstValueFrom(
        this.#http.get<Page<Change>>(`${pathOf(reference)}/changes`, { params }).pipe(takeUntil(aborted)),
      );
      changes.push(...answer.items);
      const oldest = answer.items.at(-1);
      if (answer.next === null || oldest === undefined || Date.parse(oldest.observedAt) < since) {
        return { changes, complete: true };
      }
    }
    return { changes, complete: false };
  }

  /** Asks for one tag to be watched; refusals are outcomes, not errors. */
  async track(reference: string): Promise<TrackResult> {
    const [result] = await this.trackAll([reference]);
    if (result === undefined) throw new Error(`track ${reference}: the answer holds no result`);
    return result;
  }

  /** Asks for 1 to 100 tags to be watched; results in the order asked. */
  async trackAll(references: string[]): Promise<TrackResult[]> {
    const body: TrackRequest = { references };
    const answer = await firstValueFrom(this.#http.post<TrackResponse>('/api/v1/tags', body));
    return answer.results;
  }
}

function pathOf(reference: string): string;
function pathOf(reference: string | undefined): string | undefined;
function pathOf(reference: string | undefined): string | undefined {
  return reference === undefined ? undefined : `/api/v1/tags/${escaped(reference)}`;
}

/** Slashes and colons stay as they are: the contract's `{reference}`. */
function escaped(reference: string): string {
  return reference.split('/').map(encodeURIComponent).join('/').replaceAll('%3A', ':');
}
