import { DOCUMENT } from '@angular/common';
import { DestroyRef, inject, Injectable, InjectionToken, signal } from '@angular/core';
import type { ChangeMessage, ScanMessage } from '@dtm/api-contract';

/** `paused`: the page is in the background and asks for nothing. */
export type LiveStatus = 'idle' | 'connecting' | 'live' | 'lost' | 'offline' | 'paused';

/** Opens an event stream; replaced in tests. */
export const OPEN_EVENT_SOURCE = new InjectionToken<(url: string) => EventSource>('OPEN_EVENT_SOURCE', {
  providedIn: 'root',
  factory: () => (url) => new EventSource(url),
});

export interface Following {
  /** Changes of this reference alone; null: of all. */
  reference: string | null;
  /** One or several, in order: what comes in a burst is told together. */
  changes?: (messages: ChangeMessage[]) => void;
  scan?: (message: ScanMessage) => void;
  /** The stream is back after a gap in which messages may have been missed: read again. */
  resumed?: () => void;
}

/**
 * A first scan of many tags brings thousands of changes a second; a page that drew each by itself would answer nobody. The
 * first is told at once, what follows within this time together.
 */
const GATHERED_FOR = 250;
/**
 * Browsers allow six connections to one server, and a stream holds one for good: pages in the background give theirs back
 * after this long. A glance at another tab costs no reconnect.
 */
const HIDDEN_FOR = 5_000;
/** `EventSource.CLOSED`: the browser does not try again by itself. */
const GIVEN_UP = 2;
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;

/**
 * The one event stream of the page. A lost stream heals by itself: the browser resumes it by Last-Event-ID, and where it
 * has given up (the server answered with an error) the stream is opened anew and `resumed` asks for a fresh look.
 */
@Injectable({ providedIn: 'root' })
export class LiveFeed {
  readonly #open = inject(OPEN_EVENT_SOURCE);
  readonly #document = inject(DOCUMENT);
  readonly #window = this.#document.defaultView;
  readonly #status = signal<LiveStatus>('idle');
  readonly status = this.#status.asReadonly();

  #following: Following | null = null;
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #hide: ReturnType<typeof setTimeout> | undefined;
  #retryAfter = FIRST_RETRY;
  #missed = false;
  #lastSequence = 0;
  #gathered: ChangeMessage[] = [];
  #gathering: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#window?.addEventListener('offline', () => this.#wentOffline());
    this.#window?.addEventListener('online', () => this.#connect());
    this.#document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  /** Follows until the caller is destroyed; the newest follower has the stream. */
  follow(following: Following, destroyRef: DestroyRef): void {
    this.#following = following;
    this.#missed = false;
    this.#lastSequence = 0;
    this.#gathered = [];
    this.#connect();
    destroyRef.onDestroy(() => {
      if (this.#following !== following) return;
      this.#following = null;
      this.#close();
      this.#status.set('idle');
    });
  }

  #connect(): void {
    this.#close();
    if (this.#following === null) return;
    if (this.#window?.navigator.onLine === false) return this.#status.set('offline');
    // A page that was opened in the background hears of no change of visibility until someone looks at it.
    if (this.#document.visibilityState === 'hidden') return this.#pause();
    if (this.#status() !== 'lost') this.#status.set('connecting');
    const { reference } = this.#following;
    const source = this.#open(
      `/api/v1/events${reference === null ? '' : `?reference=${encodeURIComponent(reference)}`}`,
    );
    this.#source = source;
    source.addEventListener('open', () => this.#opened());
    source.addEventListener('error', () => this.#failed(source));
    source.addEventListener('change', (event: MessageEvent<string>) => this.#changed(event.data));
    source.addEventListener('scan', (event: MessageEvent<string>) => {
      this.#following?.scan?.(JSON.parse(event.data) as ScanMessage);
    });
  }

  #opened(): void {
    this.#status.set('live');
    this.#retryAfter = FIRST_RETRY;
    if (!this.#missed) return;
    this.#missed = false;
    this.#following?.resumed?.();
  }

  #changed(data: string): void {
    const message = JSON.parse(data) as ChangeMessage;
    // A resumed stream may repeat what was told before.
    if (message.change.sequence <= this.#lastSequence) return;
    this.#lastSequence = message.change.sequence;
    this.#gathered.push(message);
    if (this.#gathering === undefined) this.#tell();
  }

  #tell(): void {
    this.#gathering = undefined;
    if (this.#gathered.length === 0) return;
    this.#gathering = setTimeout(() => this.#tell(), GATHERED_FOR);
    this.#following?.changes?.(this.#gathered.splice(0));
  }

  #failed(source: EventSource): void {
    if (this.#source !== source) return;
    this.#missed = true;
    this.#status.set(this.#window?.navigator.onLine === false ? 'offline' : 'lost');
    if (source.readyState !== GIVEN_UP) return;
    this.#close();
    this.#retry = setTimeout(() => this.#connect(), this.#retryAfter);
    this.#retryAfter = Math.min(2 * this.#retryAfter, LONGEST_RETRY);
  }

  #wentOffline(): void {
    if (this.#following === null) return;
    this.#missed = true;
    this.#close();
    this.#status.set('offline');
  }

  #visibilityChanged(): void {
    clearTimeout(this.#hide);
    if (this.#following === null) return;
    if (this.#document.visibilityState === 'hidden') {
      this.#hide = setTimeout(() => this.#pause(), HIDDEN_FOR);
    } else if (this.#status() !== 'live') {
      this.#connect();
    }
  }

  #pause(): void {
    if (this.#following === null) return;
    this.#missed = true;
    this.#close();
    this.#status.set('paused');
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }
}
