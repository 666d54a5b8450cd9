import { afterNextRender, Component, effect, ElementRef, inject, Injector, input, output } from '@angular/core';
import { RouterLink } from '@angular/router';
import { WatchRequest } from '../elements/watch-request.ts';
import { detailsLink } from '../wording/links.ts';
import { outcomeInWords, isWatched } from '../wording/outcomes.ts';
import { SearchHits } from './search-hits.ts';

/** Offers to watch what is sought and not watched yet, and tells what became of it. */
@Component({
  selector: 'dtm-watch-offer',
  imports: [RouterLink],
  providers: [WatchRequest],
  template: `@if (request.result(); as result) {
      <p class="offer" role="status" tabindex="-1">
        <span data-testid="watch-outcome" [attr.data-outcome]="result.outcome">{{ words(result) }}</span>
        @if (watched(result)) {
          <a [routerLink]="link(result.reference)">Open its record</a>
        }
      </p>
    } @else if (request.trouble(); as trouble) {
      <p class="offer" role="alert" tabindex="-1" data-testid="watch-outcome">
        {{ trouble.title }} {{ trouble.detail }} {{ trouble.nextStep }}
      </p>
    } @else if (hits.offeredAlone(); as reference) {
      <p class="offer">
        <span>Not watched yet:</span>
        <code>{{ reference }}</code>
        <button
          type="button"
          class="primary small"
          [attr.data-testid]="covered() ? null : 'watch'"
          [attr.aria-disabled]="request.busy()"
          (click)="watch(reference)"
        >
          {{ request.busy() ? 'Asking the registry…' : 'Watch this tag' }}
        </button>
      </p>
    } @else if (hits.nothing(); as fault) {
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
  /** The same offer is made by a suggestion above, which covers this one. */
  readonly covered = input(false);
  /** A tag was asked for and is watched now. */
  readonly done = output();

  protected readonly hits = inject(SearchHits);
  protected readonly request = inject(WatchRequest);
  protected readonly words = outcomeInWords;
  protected readonly watched = isWatched;
  protected readonly link = detailsLink;

  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);
  readonly #injector = inject(Injector);

  constructor() {
    effect(() => {
      this.hits.sought();
      this.request.forget();
    });
  }

  async watch(reference: string): Promise<void> {
    const element = this.#element.nativeElement;
    const focused = element.contains(element.ownerDocument.activeElement);
    const result = await this.request.send(reference);
    // The button is gone with its answer: whoever pressed it goes on from there.
    if (focused) {
      const answer = (): HTMLElement | null =>
        element.querySelector('.offer a, .offer button') ?? element.querySelector('.offer');
      afterNextRender(() => answer()?.focus(), { injector: this.#injector });
    }
    if (result !== null && isWatched(result)) this.done.emit();
  }
}
