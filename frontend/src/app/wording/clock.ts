import { DestroyRef, inject, Injectable, signal } from '@angular/core';

/** The time that relative words are told by: ticks every second, so that "in 4 seconds" counts down. */
@Injectable({ providedIn: 'root' })
export class Clock {
  readonly #now = signal(Date.now());
  /** Milliseconds since the epoch. */
  readonly now = this.#now.asReadonly();

  constructor() {
    const timer = setInterval(() => this.#now.set(Date.now()), 1_000);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }
}
