import { LiveAnnouncer } from '@angular/cdk/a11y';
import { DOCUMENT } from '@angular/common';
import { Component, DestroyRef, inject, input, signal } from '@angular/core';
import { Icon } from './icon.ts';

const TOLD_FOR = 1_600;
/** There is something to read, and to do. */
const REFUSAL_TOLD_FOR = 5_000;

/** Copies a text; says so where it worked, and where the browser refuses. */
@Component({
  selector: 'dtm-copy-button',
  imports: [Icon],
  template: `<button
    type="button"
    class="quiet"
    [class.labelled]="label() !== ''"
    [attr.aria-label]="'Copy ' + what()"
    [title]="'Copy ' + text()"
    (click)="copy()"
  >
    <dtm-icon [name]="copied() ? 'check' : refused() ? 'close' : 'copy'" />
    @if (label() !== '') {
      <span>{{ copied() ? 'Copied' : label() }}</span>
    }
    @if (refused()) {
      <span class="refused" aria-hidden="true">Not copied: select the text</span>
    }
  </button>`,
  styles: `
    button {
      position: relative;
    }
    .refused {
      position: absolute;
      right: 0;
      bottom: calc(100% + 4px);
      z-index: 8;
      padding: 0.25rem 0.6rem;
      color: var(--on-tip);
      font-size: 0.75rem;
      white-space: nowrap;
      background: var(--tip);
      border-radius: var(--radius);
    }
  `,
})
export class CopyButton {
  readonly text = input.required<string>();
  /** What is copied, in words, for those who do not see where the button stands. */
  readonly what = input.required<string>();
  /** Visible words; the icon alone without. */
  readonly label = input('');

  protected readonly copied = signal(false);
  protected readonly refused = signal(false);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #document = inject(DOCUMENT);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    inject(DestroyRef).onDestroy(() => clearTimeout(this.#timer));
  }

  protected async copy(): Promise<void> {
    const worked = await this.#write();
    this.copied.set(worked);
    this.refused.set(!worked);
    void this.#announcer.announce(
      worked ? `Copied ${this.what()}` : 'The browser refused to copy: select the text instead.',
    );
    clearTimeout(this.#timer);
    const told = (): void => {
      this.copied.set(false);
      this.refused.set(false);
    };
    this.#timer = setTimeout(told, worked ? TOLD_FOR : REFUSAL_TOLD_FOR);
  }

  async #write(): Promise<boolean> {
    const clipboard = this.#document.defaultView?.navigator.clipboard;
    // Absent on plain HTTP other than localhost, which is how many people run this at home.
    if (clipboard === undefined) return this.#writeBySelection();
    try {
      await clipboard.writeText(this.text());
      return true;
    } catch {
      return this.#writeBySelection();
    }
  }

  #writeBySelection(): boolean {
    const focused = this.#document.activeElement;
    const area = this.#document.createElement('textarea');
    area.value = this.text();
    area.className = 'visually-hidden';
    this.#document.body.append(area);
    area.select();
    const worked = this.#document.execCommand('copy');
    area.remove();
    // The selection took the focus along.
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return worked;
  }
}
