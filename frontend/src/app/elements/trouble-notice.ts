import { Component, computed, effect, input, output } from '@angular/core';
import type { Trouble } from '../api/problem.ts';

/** What the server will get over is tried again this often. */
const AGAIN = 10_000;

/** What happened, why, and what to do, with a button to try again; where it lies with the server, it is tried again by itself. */
@Component({
  selector: 'dtm-trouble',
  template: `<div class="notice trouble" role="alert">
    <div>
      <p class="notice-title">{{ trouble().title }}</p>
      @if (trouble().detail; as detail) {
        <p>{{ detail }}</p>
      }
      <p class="muted">{{ nextStep() }}</p>
    </div>
    <button type="button" (click)="retry.emit()">Try again</button>
  </div>`,
})
export class TroubleNotice {
  readonly trouble = input.required<Trouble>();
  /** Not where a try asks a registry, or changes something: that is for people to say. */
  readonly byItself = input(true);
  readonly retry = output();

  readonly #passes = computed(() => this.trouble().status === 0 || this.trouble().status >= 500);
  protected readonly nextStep = computed(() =>
    this.#passes() && !this.byItself() ? 'Try again in a moment.' : this.trouble().nextStep,
  );

  constructor() {
    effect((onCleanup) => {
      if (!this.#passes() || !this.byItself()) return;
      const timer = setInterval(() => this.retry.emit(), AGAIN);
      onCleanup(() => clearInterval(timer));
    });
  }
}
