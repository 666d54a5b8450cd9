import { DOCUMENT, ViewportScroller } from '@angular/common';
import { DestroyRef, inject, Injectable } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { Router, Scroll } from '@angular/router';
import { filter } from 'rxjs';

/** So long may a page take to be as long as it was; what comes later finds its reader elsewhere. */
const PATIENCE = 3_000;
const MOVES = ['wheel', 'touchstart', 'keydown', 'pointerdown'] as const;

/**
 * Where a navigation leaves the reader: at the top of another page, at the former place on the way back, and otherwise where
 * they are, for a filter, an interval or a page of a list is a change of a part of the page alone.
 */
@Injectable({ providedIn: 'root' })
export class ScrollPlace {
  readonly #scroller = inject(ViewportScroller);
  readonly #document = inject(DOCUMENT);
  #path: string | null = null;
  #stop: (() => void) | null = null;

  constructor() {
    // The browser would restore before anything is there.
    this.#scroller.setHistoryScrollRestoration('manual');
    const scrolls = inject(Router).events.pipe(filter((event) => event instanceof Scroll));
    scrolls.pipe(takeUntilDestroyed()).subscribe((event) => this.#scrolled(event));
    inject(DestroyRef).onDestroy(() => this.#stop?.());
  }

  #scrolled({ routerEvent, position, anchor }: Scroll): void {
    const before = this.#path;
    this.#path = ('urlAfterRedirects' in routerEvent ? routerEvent.urlAfterRedirects : routerEvent.url).replace(
      /[?#].*$/,
      '',
    );
    this.#stop?.();
    if (position !== null) this.#restore(position);
    else if (anchor === null && before !== null && before !== this.#path) this.#scroller.scrollToPosition([0, 0]);
  }

  /** A page that is read anew grows to its length: the place is taken as soon as it is there, unless the reader moves first. */
  #restore(position: [number, number]): void {
    const view = this.#document.defaultView;
    if (view === null) return;
    const until = Date.now() + PATIENCE;
    let frame = 0;
    const stop = (): void => {
      view.cancelAnimationFrame(frame);
      MOVES.forEach((move) => view.removeEventListener(move, stop));
      this.#stop = null;
    };
    const attempt = (): void => {
      this.#scroller.scrollToPosition(position);
      const { scrollHeight, clientHeight } = this.#document.documentElement;
      if (scrollHeight - clientHeight >= position[1] - 1 || Date.now() > until) stop();
      else frame = view.requestAnimationFrame(attempt);
    };
    MOVES.forEach((move) => view.addEventListener(move, stop, { passive: true }));
    this.#stop = stop;
    attempt();
  }
}
