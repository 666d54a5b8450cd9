import { Component, computed, effect, inject, input, output } from '@angular/core';
import { RouterLink } from '@angular/router';
import { isInvalid, Reference } from '@dtm/oci';
import { latest } from '../api/latest.ts';
import { TagsApi } from '../api/tags-api.ts';
import { WatchRequest } from '../elements/watch-request.ts';
import { detailsLink } from '../wording/links.ts';
import { outcomeInWords, isWatched } from '../wording/outcomes.ts';

/** Below the search: offers to watch what is sought and not watched yet, and tells what became of it. */
@Component({
  selector: 'dtm-watch-offer',
  imports: [RouterLink],
  providers: [WatchRequest],
  template: `@if (request.result(); as result) {
      <p class="offer" role="status">
        <span data-testid="watch-outcome" [attr.data-outcome]="result.outcome">{{ words(result) }}</span>
        @if (watched(result)) {
          <a [routerLink]="link(result.reference)">Open its record</a>
        }
      </p>
    } @else if (request.trouble(); as trouble) {
      <p class="offer" role="alert" data-testid="watch-outcome">
        {{ trouble.title }} {{ trouble.detail }} {{ trouble.nextStep }}
      </p>
    } @else if (offered(); as reference) {
      <p class="offer">
        <span>Not watched yet:</span>
        <code>{{ reference }}</code>
        <button
          type="button"
          class="primary small"
          data-testid="watch"
          [disabled]="request.busy()"
          (click)="watch(reference)"
        >
          {{ request.busy() ? 'Asking the registry…' : 'Watch this tag' }}
        </button>
      </p>
    } @else if (fault(); as fault) {
      <p class="offer muted">{{ fault }}</p>
    }`,
  styles: `
    .offer {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.25rem 0.75rem;
      min-height: 2rem;
      margin: 0.5rem 0 0;
    }
    .offer > * {
      overflow-wrap: anywhere;
      min-width: 0;
    }
  `,
})
export class WatchOffer {
  /** The text of the search. */
  readonly sought = input.required<string>();
  /** Whether the list below has no row for it. */
  readonly nothingFound = input(false);
  /** A tag was asked for and is watched now. */
  readonly done = output();

  protected readonly request = inject(WatchRequest);
  protected readonly words = outcomeInWords;
  protected readonly watched = isWatched;
  protected readonly link = detailsLink;

  readonly #parsed = computed(() => (this.sought() === '' ? null : Reference.parse(this.sought())));
  readonly #reference = computed(() => {
    const parsed = this.#parsed();
    return parsed === null || isInvalid(parsed) ? undefined : parsed.toString();
  });
  readonly #known = latest(
    inject(TagsApi).list(() => {
      const q = this.#reference();
      return q === undefined ? undefined : { q, state: null, sort: 'tag', order: 'asc', page: 1, limit: 5 };
    }),
    this.#reference,
  );

  protected readonly offered = computed(() => {
    const reference = this.#reference();
    const rows = this.#known.value()?.items;
    if (reference === undefined || rows === undefined) return null;
    const row = rows.find((known) => known.reference === reference);
    return row === undefined || row.state === 'untracked' ? reference : null;
  });
  protected readonly fault = computed(() => {
    const parsed = this.#parsed();
    return this.nothingFound() && parsed !== null && isInvalid(parsed)
      ? `"${parsed.text}" is not a reference: ${parsed.reason}.`
      : null;
  });

  constructor() {
    effect(() => {
      this.sought();
      this.request.forget();
    });
  }

  protected async watch(reference: string): Promise<void> {
    const result = await this.request.send(reference);
    if (result !== null && isWatched(result)) this.done.emit();
  }
}
