import { Component, computed, input } from '@angular/core';
import type { TagState } from '@dtm/api-contract';
import { STATE_WORDS } from '../wording/kinds.ts';

/** A tag's state: a shape, a colour and a word, so that none has to be told by colour alone. */
@Component({
  selector: 'dtm-state-badge',
  template: `<span class="state" data-testid="state" [attr.data-state]="state()" [title]="words().meaning">
    <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
      @switch (state()) {
        @case ('active') {
          <circle cx="5" cy="5" r="4" fill="currentColor" />
        }
        @case ('inactive') {
          <circle cx="5" cy="5" r="3.4" fill="none" stroke="currentColor" stroke-width="1.4" />
        }
        @case ('pending') {
          <circle cx="5" cy="5" r="3.4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.6 2" />
        }
        @case ('unreachable') {
          <path d="M5 .8 9.6 9H.4z" fill="currentColor" />
        }
        @case ('gone') {
          <path d="M1.5 1.5l7 7M8.5 1.5l-7 7" stroke="currentColor" stroke-width="1.8" />
        }
        @default {
          <path d="M1.2 5h7.6" stroke="currentColor" stroke-width="2" />
        }
      }
    </svg>
    <span class="word">{{ words().label }}</span>
  </span>`,
})
export class StateBadge {
  readonly state = input.required<TagState>();
  protected readonly words = computed(() => STATE_WORDS[this.state()]);
}
