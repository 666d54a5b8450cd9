import { Component, computed, inject, input, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { TrackResult } from '@dtm/api-contract';
import type { Reference } from '@dtm/oci';
import { latest } from '../api/latest.ts';
import { troubleOf, type Trouble } from '../api/problem.ts';
import { TagsApi } from '../api/tags-api.ts';
import { Icon } from '../elements/icon.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { detailsLink } from '../wording/links.ts';
import { isWatched, outcomeInWords } from '../wording/outcomes.ts';

const DEBOUNCE = 300;
/** Questions to the registry at once: quick, and yet each result is seen to come. */
const AT_ONCE = 4;

/** The repository's other tags, asked from its registry when someone opens this, to watch more of them. */
@Component({
  selector: 'dtm-more-tags',
  imports: [Icon, RouterLink, TroubleNotice],
  templateUrl: './more-tags.html',
  styleUrl: './more-tags.css',
})
export class MoreTags {
  readonly of = input.required<Reference>();

  readonly #api = inject(TagsApi);
  protected readonly opened = signal(false);
  /** As typed; what is asked for follows once typing pauses. */
  readonly #typed = signal('');
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
    this.opened() ? { repository: this.repository(), filter: this.filter(), without: this.of().tag } : undefined,
  );
  /** What another filter found is not shown: it is not what would be watched. */
  protected readonly available = latest(this.#available, this.filter);
  /** What is shown is what the filter says. */
  protected readonly settled = computed(() => this.#typed() === this.filter() && !this.available.busy());
  protected readonly tags = computed(() => this.available.value()?.items ?? []);
  protected readonly selectable = computed(() =>
    this.tags().filter(({ tag, tracked }) => !tracked && !this.results().has(tag)),
  );
  protected readonly chosen = computed(() =>
    this.selectable()
      .filter(({ tag }) => !this.unticked().has(tag))
      .map(({ tag }) => tag),
  );
  protected readonly allChosen = computed(() => this.chosen().length === this.selectable().length);
  /** How far the asking is: tags answered of those asked for; null before anyone asked. */
  protected readonly progress = signal<{ done: number; of: number } | null>(null);
  protected readonly summary = computed(() => {
    const progress = this.progress();
    if (progress === null || this.busy()) return '';
    const watched = [...this.results().values()].filter(isWatched).length;
    const refused = this.results().size - watched;
    return `${watched} watched now${refused === 0 ? '' : `, ${refused} not`}.`;
  });
  #timer: ReturnType<typeof setTimeout> | undefined;

  protected seek(filter: string): void {
    clearTimeout(this.#timer);
    this.#typed.set(filter.trim());
    this.#timer = setTimeout(() => this.#ask(), DEBOUNCE);
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
    if (tags.length === 0 || this.busy() || !this.settled()) return;
    this.progress.set({ done: 0, of: tags.length });
    this.busy.set(true);
    this.trackTrouble.set(null);
    try {
      const queue = [...tags];
      const work = async (): Promise<void> => {
        for (let tag = queue.shift(); tag !== undefined; tag = queue.shift()) await this.#watchOne(tag);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } catch (error) {
      this.trackTrouble.set(troubleOf(error));
    } finally {
      this.busy.set(false);
    }
  }

  #ask(): void {
    this.filter.set(this.#typed());
    // What became of the tags before is no answer to this filter.
    if (!this.busy()) this.progress.set(null);
  }

  /** On its own, so that its result shows as soon as the registry has answered. */
  async #watchOne(tag: string): Promise<void> {
    const result = await this.#api.track(`${this.repository()}:${tag}`);
    this.results.update((before) => new Map([...before, [tag, result]]));
    this.progress.update((progress) => (progress === null ? null : { ...progress, done: progress.done + 1 }));
  }
}
