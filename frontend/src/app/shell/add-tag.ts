import { Component, computed, type ElementRef, inject, signal, viewChild } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { TrackResult } from '@dtm/api-contract';
import { isInvalid, Reference } from '@dtm/oci';
import { troubleOf, type Trouble } from '../api/problem.ts';
import { TagsApi } from '../api/tags-api.ts';
import { Icon } from '../elements/icon.ts';
import { detailsLink } from '../wording/links.ts';
import { isWatched, outcomeInWords } from '../wording/outcomes.ts';
import { pastedReference } from '../wording/pasted.ts';

const AT_MOST = 100;

/** A dialog that asks for tags to be watched, one a line, and tells what became of each. */
@Component({
  selector: 'dtm-add-tag',
  imports: [Icon, RouterLink],
  templateUrl: './add-tag.html',
  styleUrl: './add-tag.css',
})
export class AddTag {
  readonly #api = inject(TagsApi);
  protected readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  protected readonly text = signal('');
  protected readonly busy = signal(false);
  protected readonly results = signal<TrackResult[]>([]);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly words = outcomeInWords;
  protected readonly watched = isWatched;
  protected readonly link = detailsLink;

  readonly #lines = computed(() =>
    this.text()
      .split(/\r?\n/)
      .flatMap((line, index) => partsOf(line).map((text) => ({ text, line: index + 1 }))),
  );
  protected readonly references = computed(() => this.#lines().map(({ text }) => text));
  /** What keeps the form from being sent, in words; empty: nothing. */
  protected readonly fault = computed(() => {
    const references = this.references();
    if (references.length > AT_MOST) return `At most ${AT_MOST} at a time; these are ${references.length}.`;
    for (const { text, line } of this.#lines()) {
      // Each word would be watched as a tag of its own, which nobody meant who pasted a sentence or a command.
      if (/\s/.test(text)) return `Line ${line} has blanks within: write one reference a line.`;
      const parsed = Reference.parse(text);
      if (isInvalid(parsed)) return `"${parsed.text}" is not a reference: ${parsed.reason}.`;
    }
    return '';
  });

  open(): void {
    this.results.set([]);
    this.trouble.set(null);
    this.dialog().nativeElement.showModal();
  }

  protected close(): void {
    this.dialog().nativeElement.close();
  }

  protected async submit(event: Event): Promise<void> {
    event.preventDefault();
    if (this.references().length === 0 || this.fault() !== '' || this.busy()) return;
    this.busy.set(true);
    this.trouble.set(null);
    try {
      this.results.set(await this.#api.trackAll(this.references()));
      if (this.results().every(isWatched)) this.text.set('');
    } catch (error) {
      this.trouble.set(troubleOf(error));
    } finally {
      this.busy.set(false);
    }
  }
}

/** A line as pasted, or several references with commas between them. */
function partsOf(line: string): string[] {
  return line
    .split(',')
    .map(pastedReference)
    .filter((part) => part !== '');
}
