import { Component, computed, ElementRef, inject, input, signal, viewChild } from '@angular/core';
import { Clock } from '../wording/clock.ts';
import { agoInWords, exactUtc, relativeInWords } from '../wording/time.ts';

/** Padding of the hint, and a little air. */
const HINT_ROOM = 14;

/**
 * A time as people tell it, with the exact UTC on hover and focus. In a list it is no tab stop of its own: there the
 * row's focus shows it.
 */
@Component({
  selector: 'dtm-moment',
  template: `<time [attr.datetime]="at()" [attr.tabindex]="inRow() ? null : 0"
    >{{ words() }}<span #hint class="hint">{{ exact() }}</span></time
  >`,
  host: {
    class: 'has-hint',
    '[style.--hint-shift.px]': 'shift()',
    '(pointerenter)': 'place()',
    '(focusin)': 'place()',
  },
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

  /** How far the hint is moved aside, so that all of it lies within the page. */
  protected readonly shift = signal(0);
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);
  protected readonly hint = viewChild.required<ElementRef<HTMLElement>>('hint');

  protected place(): void {
    const element = this.#element.nativeElement;
    const { left, width } = element.getBoundingClientRect();
    const page = element.ownerDocument.documentElement.clientWidth;
    const half = this.hint().nativeElement.scrollWidth / 2 + HINT_ROOM;
    const middle = left + width / 2;
    // Where it is wider than the page, its beginning counts.
    this.shift.set(Math.max(half, Math.min(page - half, middle)) - middle);
  }
}
