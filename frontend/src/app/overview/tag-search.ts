import { DOCUMENT } from '@angular/common';
import {
  Component,
  DestroyRef,
  effect,
  type ElementRef,
  inject,
  input,
  output,
  signal,
  viewChild,
} from '@angular/core';
import { Icon } from '../elements/icon.ts';

const DEBOUNCE = 180;

/** The search field: tells what is sought once typing pauses; `/` focuses it from anywhere on the page. */
@Component({
  selector: 'dtm-tag-search',
  imports: [Icon],
  template: `<form role="search" (submit)="enter($event)">
    <label class="visually-hidden" for="search">Search for a tag</label>
    <dtm-icon name="search" />
    <input
      #field
      id="search"
      type="search"
      data-testid="search"
      placeholder="[registry/]image[:tag]"
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      maxlength="700"
      aria-keyshortcuts="/"
      [value]="text()"
      (input)="typed(field.value)"
      (keydown.arrowdown)="down($event)"
    />
    <kbd aria-hidden="true">/</kbd>
  </form>`,
  styles: `
    form {
      position: relative;
      display: flex;
      align-items: center;
    }
    dtm-icon {
      position: absolute;
      left: 0.9rem;
      color: var(--ink-3);
    }
    input {
      width: 100%;
      height: 2.75rem;
      padding-inline: 2.5rem;
      font-family: var(--mono);
      font-size: 1rem;
      background: var(--sheet);
      border-color: var(--rule-strong);
    }
    kbd {
      position: absolute;
      right: 0.8rem;
    }
    input:focus ~ kbd,
    input:not(:placeholder-shown) ~ kbd {
      display: none;
    }
  `,
})
export class TagSearch {
  /** What the address says is sought. */
  readonly sought = input('');
  readonly soughtChange = output<string>();
  /** Enter was pressed on what is sought. */
  readonly chosen = output<string>();
  /** Arrow down: on to the results. */
  readonly leave = output();

  protected readonly text = signal('');
  protected readonly field = viewChild.required<ElementRef<HTMLInputElement>>('field');
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    // The address leads, but never takes away what is just being typed.
    effect(() => {
      const sought = this.sought();
      if (this.#timer === undefined) this.text.set(sought);
    });
    const document = inject(DOCUMENT);
    const focusOnSlash = (event: KeyboardEvent): void => {
      const target = event.target;
      const typing =
        target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || typing) return;
      event.preventDefault();
      this.focus();
    };
    document.addEventListener('keydown', focusOnSlash);
    inject(DestroyRef).onDestroy(() => {
      document.removeEventListener('keydown', focusOnSlash);
      clearTimeout(this.#timer);
    });
  }

  focus(): void {
    this.field().nativeElement.focus();
    this.field().nativeElement.select();
  }

  protected typed(text: string): void {
    this.text.set(text);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), DEBOUNCE);
  }

  protected enter(event: Event): void {
    event.preventDefault();
    this.#tell();
    this.chosen.emit(this.text().trim());
  }

  protected down(event: Event): void {
    event.preventDefault();
    this.leave.emit();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.text().trim();
    if (text !== this.sought()) this.soughtChange.emit(text);
  }
}
