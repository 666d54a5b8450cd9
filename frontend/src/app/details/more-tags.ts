import { Component, computed, inject, input, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { TrackResult } from '@dtm/api-contract';
import type { Reference } from '@dtm/oci';
import { latest } from '../api/latest.ts';
import { troubleOf, type Trouble } from '../api/problem.ts';
import { TagsApi } from '../api/tags-api.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { detailsLink } from '../wording/links.ts';
import { isWatched, outcomeInWords } from '../wording/outcomes.ts';

const DEBOUNCE = 300;

/** The repository's other tags, asked from its registry when someone opens this, to watch more of them. */
@Component({
  selector: 'dtm-more-tags',
  imports: [RouterLink, TroubleNotice],
  templateUrl: './more-tags.html',
  styleUrl: './more-tags.css',
})
export class MoreTags {
  readonly of = input.required<Reference>();

  readonly #api = inject(TagsApi);
  protected readonly opened = signal(false);
  protected readonly filter = signal('');
  protected readonly unticked = signal<ReadonlySet<string>>(new Set());
  protected readonly results = signal<ReadonlyMap<string, TrackResult>>(new Map());
  protected readonly busy = signal(false);
  protected readonly trackTrouble = signal<Trouble | null>(null);
  protected readonly words = outcomeInWords;
  protected readonly isWatched = isWatched;
  protected readonly link = detailsLink;

  protected readonly repository = computed(() => this.of().name.toString());
  readonly #available = this.#api.available(() =>
    this.opened() ? { repository: this.repository(), filter: this.filter() } : undefined,
  );
  protected readonly available = latest(this.#available);
  protected readonly tags = computed(() =>
    (this.available.value()?.items ?? []).filter(({ tag }) => tag !== this.of().tag),
  );
  protected readonly chosen = computed(() =>
    this.tags()
      .filter(({ tag, tracked }) => !tracked && !this.unticked().has(tag) && !this.results().has(tag))
      .map(({ tag }) => tag),
  );
  #timer: ReturnType<typeof setTimeout> | undefined;

  protected seek(filter: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.filter.set(filter.trim()), DEBOUNCE);
  }

  protected tick(tag: string, ticked: boolean): void {
    this.unticked.update((before) => {
      const after = new Set(before);
      if (ticked) after.delete(tag);
      else after.add(tag);
      return after;
    });
  }

  protected tickAll(ticked: boolean): void {
    this.unticked.set(new Set(ticked ? [] : this.tags().map(({ tag }) => tag)));
  }

  protected retry(): void {
    this.#available.reload();
  }

  protected async watch(): Promise<void> {
    const tags = this.chosen();
    this.busy.set(true);
    this.trackTrouble.set(null);
    try {
      // One after another, so that each result shows as soon as the registry has answered.
      for (const tag of tags) {
        const result = await this.#api.track(`${this.repository()}:${tag}`);
        this.results.update((before) => new Map([...before, [tag, result]]));
      }
    } catch (error) {
      this.trackTrouble.set(troubleOf(error));
    } finally {
      this.busy.set(false);
    }
  }
}
