import { Component, computed, inject, input } from '@angular/core';
import { Clock } from '../wording/clock.ts';
import { agoInWords, exactUtc, relativeInWords } from '../wording/time.ts';

/**
 * A time as people tell it, with the exact UTC on hover and focus. In a list it is no tab stop of its own: there the
 * row's focus shows it.
 */
@Component({
  selector: 'dtm-moment',
  template: `<time [attr.datetime]="at()" [attr.tabindex]="inRow() ? null : 0"
    >{{ words() }}<span class="hint">{{ exact() }}</span></time
  >`,
  host: { class: 'has-hint' },
})
export class Moment {
  /** RFC 3339 */
  readonly at = input.required<string>();
  readonly inRow = input(false);
  /** It is still to come, as a plan is. */
  readonly planned = input(false);

  readonly #clock = inject(Clock);
  protected readonly words = computed(() =>
    (this.planned() ? relativeInWords : agoInWords)(this.at(), this.#clock.now()),
  );
  protected readonly exact = computed(() => exactUtc(this.at()));
}
