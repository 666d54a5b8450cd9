import { LiveAnnouncer } from '@angular/cdk/a11y';
import { Component, computed, effect, inject } from '@angular/core';
import { LiveFeed, type LiveStatus } from '../api/live-feed.ts';

const WORDS: Record<LiveStatus, { label: string; meaning: string }> = {
  idle: { label: '', meaning: '' },
  connecting: { label: 'connecting', meaning: 'Connecting to the live stream.' },
  live: { label: 'live', meaning: 'Changes appear on this page as they are recorded.' },
  lost: { label: 'reconnecting', meaning: 'The live stream is lost; the page tries again by itself.' },
  offline: { label: 'offline', meaning: 'This device is offline; the page catches up by itself.' },
  paused: { label: 'paused', meaning: 'The live stream rests while the page is in the background.' },
};

/** Whether what the page shows is live. */
@Component({
  selector: 'dtm-live-indicator',
  template: `@if (words().label !== '') {
    <span class="live" data-testid="live-status" [attr.data-status]="feed.status()" [title]="words().meaning">
      <span class="dot" aria-hidden="true"></span><span class="word">{{ words().label }}</span>
    </span>
  }`,
  styles: `
    :host {
      display: inline-block;
    }
    .live {
      display: inline-flex;
      align-items: center;
      gap: 0.4rem;
      padding-inline: 0.4rem;
      color: var(--ink-2);
      font-size: 0.8125rem;
    }
    /* As wide as its longest word, so that what stands beside it stays where it is; where there is no room, only trouble
       is worth a word. */
    @media (min-width: 44rem) {
      :host {
        width: 6.75rem;
        text-align: right;
      }
    }
    @media (max-width: 44rem) {
      :host {
        min-width: 1.3rem;
      }
      .live:not([data-status='lost'], [data-status='offline']) .word {
        position: absolute;
        width: 1px;
        height: 1px;
        overflow: hidden;
        clip-path: inset(50%);
      }
    }
    .dot {
      box-sizing: border-box;
      width: 0.5rem;
      height: 0.5rem;
      border: 1.5px solid currentColor;
      border-radius: 50%;
    }
    [data-status='live'] .dot {
      color: var(--good);
      background: currentColor;
    }
    [data-status='lost'],
    [data-status='offline'] {
      color: var(--ink);
      font-weight: 600;
    }
    [data-status='lost'] .dot,
    [data-status='offline'] .dot {
      color: var(--bad);
      border-radius: 0;
    }
  `,
})
export class LiveIndicator {
  protected readonly feed = inject(LiveFeed);
  protected readonly words = computed(() => WORDS[this.feed.status()]);
  readonly #announcer = inject(LiveAnnouncer);
  #told = false;

  constructor() {
    // Only a loss is news, and its end.
    effect(() => {
      const status = this.feed.status();
      const lost = status === 'lost' || status === 'offline';
      if (lost && !this.#told) void this.#announcer.announce(WORDS[status].meaning);
      if (status === 'live' && this.#told) void this.#announcer.announce('Live again.');
      if (lost || status === 'live') this.#told = lost;
    });
  }
}
