import { Component, computed, input } from '@angular/core';
import type { ChangeKind } from '@dtm/api-contract';
import { KIND_WORDS } from '../wording/kinds.ts';

/** A kind of change: a shape, a colour of the Okabe-Ito scale, and a word. */
@Component({
  selector: 'dtm-kind-mark',
  template: `<span class="kind" [attr.data-kind]="kind()" [title]="words().meaning">
    <svg
      viewBox="0 0 12 12"
      width="12"
      height="12"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
    >
      @switch (kind()) {
        @case ('baseline') {
          <path d="M2.5 1v10M2.5 2h7l-2 2.5 2 2.5h-7" stroke-linejoin="round" />
        }
        @case ('change') {
          <path d="M6 1.2 10.8 6 6 10.8 1.2 6z" fill="currentColor" />
        }
        @case ('disappearance') {
          <path d="M2 2l8 8M10 2l-8 8" stroke-linecap="round" />
        }
        @case ('return') {
          <path
            d="M2 4.5h5.5a2.8 2.8 0 0 1 0 5.6H4M4.6 1.8 1.9 4.5l2.7 2.7"
            stroke-linecap="round"
            stroke-linejoin="round"
          />
        }
      }
    </svg>
    <span>{{ words().label }}</span>
  </span>`,
})
export class KindMark {
  readonly kind = input.required<ChangeKind>();
  protected readonly words = computed(() => KIND_WORDS[this.kind()]);
}
