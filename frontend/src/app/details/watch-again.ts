import { Component, inject, input, output } from '@angular/core';
import { WatchRequest } from '../elements/watch-request.ts';
import { isWatched, outcomeInWords } from '../wording/outcomes.ts';

/** Has a tag watched that has a record and is not watched. */
@Component({
  selector: 'dtm-watch-again',
  providers: [WatchRequest],
  template: `<button
      type="button"
      class="small"
      data-testid="watch"
      [attr.aria-disabled]="request.busy()"
      (click)="watch()"
    >
      {{ request.busy() ? 'Asking the registry…' : again() ? 'Watch it again' : 'Watch it' }}
    </button>
    <span role="status">
      @if (request.result(); as result) {
        {{ words(result) }}
      } @else if (request.trouble(); as trouble) {
        {{ trouble.title }} {{ trouble.nextStep }}
      }
    </span>`,
})
export class WatchAgain {
  readonly reference = input.required<string>();
  /** It was watched before. */
  readonly again = input(true);
  readonly watched = output();

  protected readonly request = inject(WatchRequest);
  protected readonly words = outcomeInWords;

  protected async watch(): Promise<void> {
    const result = await this.request.send(this.reference());
    if (result !== null && isWatched(result)) this.watched.emit();
  }
}
