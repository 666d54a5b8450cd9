import { LiveAnnouncer } from '@angular/cdk/a11y';
import { DOCUMENT } from '@angular/common';
import {
  Component,
  computed,
  DestroyRef,
  effect,
  type ElementRef,
  inject,
  input,
  linkedSignal,
  output,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { Router } from '@angular/router';
import { Icon } from '../elements/icon.ts';
import { Moment } from '../elements/moment.ts';
import { ReferenceText } from '../elements/reference-text.ts';
import { detailsLink } from '../wording/links.ts';
import { pastedReference } from '../wording/pasted.ts';
import { SearchHits, type Suggestion } from './search-hits.ts';

const DEBOUNCE = 180;

/**
 * The search field with its suggestions (an ARIA combobox): tells what is sought once typing pauses; `/` focuses it from
 * anywhere on the page, arrows choose, Enter opens, Escape closes.
 */
@Component({
  selector: 'dtm-tag-search',
  imports: [Icon, Moment, ReferenceText],
  templateUrl: './tag-search.html',
  styleUrl: './tag-search.css',
})
export class TagSearch {
  /** What the address says is sought. */
  readonly sought = input('');
  readonly soughtChange = output<string>();
  /** Enter was pressed on what is sought, with no suggestion chosen. */
  readonly chosen = output<string>();
  /** On to the list below. */
  readonly leave = output();
  /** The suggestion to watch a reference was chosen. */
  readonly watch = output<string>();

  protected readonly hits = inject(SearchHits);
  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  protected readonly text = signal('');
  protected readonly field = viewChild.required<ElementRef<HTMLInputElement>>('field');
  /** Someone is searching: suggestions are wanted. */
  readonly #open = signal(false);
  readonly shown = computed(() => this.#open() && (this.hits.suggestions().length > 0 || this.hits.nothing() !== null));
  /** Which suggestion the arrows are on; null: the field itself. */
  protected readonly active = linkedSignal<string, number | null>({
    source: this.hits.sought,
    computation: () => null,
  });
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    // The address leads, but never takes away what is just being typed.
    effect(() => {
      const sought = this.sought();
      if (this.#timer === undefined) this.text.set(sought);
    });
    effect(() => {
      const words = this.shown() ? (this.hits.nothing() ?? countInWords(this.hits.suggestions().length)) : null;
      if (words !== null) untracked(() => void this.#announcer.announce(words));
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
    this.#open.set(text.trim() !== '');
    this.active.set(null);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), DEBOUNCE);
  }

  protected key(event: KeyboardEvent): void {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      this.#arrow(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Escape' && this.shown()) {
      // The browser would empty the field as well.
      event.preventDefault();
      this.close();
    }
  }

  /** A click into the field shows again what was found. */
  protected reopen(): void {
    const text = this.text().trim();
    if (text !== '' && text === this.hits.sought()) this.#open.set(true);
  }

  protected enter(event: Event): void {
    event.preventDefault();
    const suggestion = this.shown() ? this.hits.suggestions()[this.active() ?? -1] : undefined;
    if (suggestion !== undefined) return this.pick(suggestion);
    this.#tell();
    this.close();
    this.chosen.emit(this.text().trim());
  }

  protected pick(suggestion: Suggestion): void {
    this.close();
    switch (suggestion.kind) {
      case 'tag':
        return void this.#router.navigate(detailsLink(suggestion.tag.reference));
      case 'all':
        return this.leave.emit();
      case 'watch':
        return this.watch.emit(suggestion.reference);
    }
  }

  protected close(): void {
    this.#open.set(false);
    this.active.set(null);
  }

  #arrow(by: 1 | -1): void {
    if (!this.shown()) {
      const suggested = this.text().trim() !== '' && this.hits.suggestions().length > 0;
      if (suggested && this.text().trim() === this.hits.sought()) this.#open.set(true);
      else if (by === 1) return this.leave.emit();
      if (!suggested) return;
    }
    // The field itself is one of the stations, as the way back.
    const stations = this.hits.suggestions().length + 1;
    const next = ((this.active() ?? -1) + 1 + by + stations) % stations;
    this.active.set(next === 0 ? null : next - 1);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const typed = this.text().trim();
    const text = pastedReference(typed);
    if (text !== typed) this.text.set(text);
    if (text !== this.sought()) this.soughtChange.emit(text);
  }
}

function countInWords(count: number): string {
  return `${count} ${count === 1 ? 'suggestion' : 'suggestions'}. Arrow keys choose.`;
}
