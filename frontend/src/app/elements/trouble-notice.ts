import { Component, input, output } from '@angular/core';
import type { Trouble } from '../api/problem.ts';

/** What happened, why, and what to do, with a button to try again. */
@Component({
  selector: 'dtm-trouble',
  template: `<div class="notice trouble" role="alert">
    <div>
      <p class="notice-title">{{ trouble().title }}</p>
      @if (trouble().detail; as detail) {
        <p>{{ detail }}</p>
      }
      <p class="muted">{{ trouble().nextStep }}</p>
    </div>
    <button type="button" (click)="retry.emit()">Try again</button>
  </div>`,
})
export class TroubleNotice {
  readonly trouble = input.required<Trouble>();
  readonly retry = output();
}
