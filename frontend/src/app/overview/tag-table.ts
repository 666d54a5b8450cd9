import { Component, computed, ElementRef, inject, input, output } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Page, TagSort, TagSummary } from '@dtm/api-contract';
import type { TagsQuery } from '../api/tags-api.ts';
import { Sparkline } from '../charts/sparkline.ts';
import { Moment } from '../elements/moment.ts';
import { ReferenceText } from '../elements/reference-text.ts';
import { StateBadge } from '../elements/state-badge.ts';
import { isAddedByItself, TRACKED_BY_WORDS } from '../wording/kinds.ts';
import { detailsLink } from '../wording/links.ts';
import { SortHeader } from './sort-header.ts';

/** The watched tags, one a row; a card each where the page is narrow. */
@Component({
  selector: 'dtm-tag-table',
  imports: [Moment, ReferenceText, RouterLink, SortHeader, Sparkline, StateBadge],
  templateUrl: './tag-table.html',
  styleUrl: './tag-table.css',
})
export class TagTable {
  /** Undefined while the first answer is awaited: a skeleton is shown. */
  readonly page = input.required<Page<TagSummary> | undefined>();
  readonly query = input.required<TagsQuery>();
  /** References of rows that changed live. */
  readonly updated = input.required<ReadonlySet<string>>();
  readonly sort = output<TagSort>();

  protected readonly link = detailsLink;
  protected readonly addedByItself = isAddedByItself;
  protected readonly trackedBy = TRACKED_BY_WORDS;
  /** As long as what is awaited, so that on the way back there is a place to return to. */
  protected readonly skeleton = computed(() => Array.from({ length: this.query().limit }, (_, row) => row));
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);

  /** For `aria-sort` of a column that sorts by any of these. */
  protected sortedHere(...sorts: TagSort[]): 'ascending' | 'descending' | null {
    const { sort, order } = this.query();
    if (!sorts.includes(sort)) return null;
    return order === 'asc' ? 'ascending' : 'descending';
  }

  /** For screen readers: the reference in one piece, however its parts are laid out. */
  protected named({ reference, trackedBy }: TagSummary): string {
    return isAddedByItself(trackedBy) && trackedBy !== null
      ? `${reference}, ${TRACKED_BY_WORDS[trackedBy]}`
      : reference;
  }

  focusFirst(): void {
    this.#links()[0]?.focus();
  }

  /** Arrow keys walk the rows. */
  protected walk(event: Event, by: 1 | -1): void {
    const links = this.#links();
    const at = links.findIndex((link) => link === event.target);
    const next = links[at + by];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    next.focus();
  }

  #links(): HTMLElement[] {
    return [...this.#element.nativeElement.querySelectorAll<HTMLElement>('a.row-link')];
  }
}
