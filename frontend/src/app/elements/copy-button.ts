import { LiveAnnouncer } from '@angular/cdk/a11y';
import { DOCUMENT } from '@angular/common';
import { Component, DestroyRef, inject, input, signal } from '@angular/core';
import { Icon } from './icon.ts';

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
    <dtm-icon [name]="copied() ? 'check' : 'copy'" />
    @if (label() !== '') {
      <span>{{ copied() ? 'Copied' : label() }}</span>
    }
  </button>`,
})
export class CopyButton {
  readonly text = input.required<string>();
  /** What is copied, in words, for those who do not see where the button stands. */
  readonly what = input.required<string>();
  /** Visible words; the icon alone without. */
  readonly label = input('');

  protected readonly copied = signal(false);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #document = inject(DOCUMENT);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    inject(DestroyRef).onDestroy(() => clearTimeout(this.#timer));
  }

  protected async copy(): Promise<void> {
    const worked = await this.#write();
    this.copied.set(worked);
    void this.#announcer.announce(
      worked ? `Copied ${this.what()}` : 'The browser refused to copy: select the text instead.',
    );
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.copied.set(false), 1_600);
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
    const area = this.#document.createElement('textarea');
    area.value = this.text();
    area.className = 'visually-hidden';
    this.#document.body.append(area);
    area.select();
    const worked = this.#document.execCommand('copy');
    area.remove();
    return worked;
  }
}
