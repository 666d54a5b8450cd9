import type { TrackingLog, TrackingTail, ViewLog } from '@dtm/jetstream';
import { Reference } from '@dtm/oci';

export interface ExpiryParts {
  trackingTail: Pick<TrackingTail, 'repositories'>;
  trackingLog: Pick<TrackingLog, 'untrack'>;
  views: Pick<ViewLog, 'all' | 'madeAt'>;
  /** A tag that nobody looked at for so long is no longer scanned. */
  maxUnseenMs: number;
}

/** Ends the scanning of tags that nobody looks at; their history stays, and a look revives them. */
export class Expiry {
  readonly #parts: ExpiryParts;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  /**
   * Returns how many tags it ended. The loss of the bucket of views expires nothing early: that the bucket was made counts
   * as a view of every tag, as being asked for does.
   */
  async expireUnseen(now: Date, signal: AbortSignal): Promise<number> {
    const before = now.getTime() - this.#parts.maxUnseenMs;
    const candidates: Reference[] = [];
    for (const { registry, repository, tags } of this.#parts.trackingTail.repositories()) {
      for (const tag of tags.values()) {
        if (tag.trackedAt < before) candidates.push(Reference.of(registry, repository, tag.tag));
      }
    }
    if (candidates.length === 0) return 0;
    const views = await this.#parts.views.all();
    // After the views were read: a bucket that is lost meanwhile would else pass for an old one without views.
    if ((await this.#parts.views.madeAt()).getTime() >= before) return 0;
    let expired = 0;
    for (const reference of candidates) {
      if (signal.aborted) break;
      const seen = views.get(reference.toString());
      if (seen !== undefined && seen.getTime() >= before) continue;
      if ((await this.#parts.trackingLog.untrack(reference, 'expiry', now)) === 'untracked') expired++;
    }
    return expired;
  }
}
