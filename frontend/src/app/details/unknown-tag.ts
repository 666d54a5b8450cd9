import { Component, inject, input, output } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Reference } from '@dtm/oci';
import { WatchRequest } from '../elements/watch-request.ts';
import { isWatched, outcomeInWords } from '../wording/outcomes.ts';

/** A tag that nothing is known of: says so, and watches it if someone asks. Looking alone adds nothing. */
@Component({
  selector: 'dtm-unknown-tag',
  imports: [RouterLink],
  providers: [WatchRequest],
  template: `<div class="notice unknown">
    <div>
      <h1 class="mono-title">{{ of() }}</h1>
      @if (request.result(); as result) {
        <p role="status" data-testid="watch-outcome" [attr.data-outcome]="result.outcome">{{ words(result) }}</p>
      } @else if (request.trouble(); as trouble) {
        <p role="alert" data-testid="watch-outcome">{{ trouble.title }} {{ trouble.detail }} {{ trouble.nextStep }}</p>
      } @else {
        <p>Nobody watches this tag yet, so there is no record of it.</p>
        <p class="muted">
          Once it is watched, its digest is looked up at once, and every change from then on is recorded. The first
          result is due in a few seconds and appears here by itself.
        </p>
      }
    </div>
    @if (asked()) {
      <p class="muted waiting">Waiting for the first result…</p>
    } @else {
      <span class="actions">
        <button
          type="button"
          class="primary"
          data-testid="watch"
          [attr.aria-disabled]="request.busy()"
          (click)="watch()"
        >
          {{ request.busy() ? 'Asking the registry…' : 'Watch this tag' }}
        </button>
        <a routerLink="/" [queryParams]="{ q: of().name.toString() }">Watched tags of this repository</a>
      </span>
    }
  </div>`,
  styles: `
    .actions {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.5rem 1rem;
    }
    .waiting {
      margin: 0;
    }
  `,
})
export class UnknownTag {
  readonly of = input.required<Reference>();
  /** It was asked for, and the record is awaited. */
  readonly asked = input(false);
  readonly watched = output();

  protected readonly request = inject(WatchRequest);
  protected readonly words = outcomeInWords;

  protected async watch(): Promise<void> {
    const result = await this.request.send(this.of().toString());
    if (result !== null && isWatched(result)) this.watched.emit();
  }
}
