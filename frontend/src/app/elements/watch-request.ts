import { inject, Injectable, signal } from '@angular/core';
import type { TrackResult } from '@dtm/api-contract';
import { troubleOf, type Trouble } from '../api/problem.ts';
import { TagsApi } from '../api/tags-api.ts';

/** One wish to watch a tag, and what became of it; provided by the component that shows it. */
@Injectable()
export class WatchRequest {
  readonly #api = inject(TagsApi);
  readonly busy = signal(false);
  readonly result = signal<TrackResult | null>(null);
  readonly trouble = signal<Trouble | null>(null);

  /** Null where the call itself failed, and then `trouble` says why; and while another is under way. */
  async send(reference: string): Promise<TrackResult | null> {
    if (this.busy()) return null;
    this.forget();
    this.busy.set(true);
    try {
      const result = await this.#api.track(reference);
      this.result.set(result);
      return result;
    } catch (error) {
      this.trouble.set(troubleOf(error));
      return null;
    } finally {
      this.busy.set(false);
    }
  }

  forget(): void {
    this.result.set(null);
    this.trouble.set(null);
  }
}
