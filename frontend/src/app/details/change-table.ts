import { Component, computed, inject, input, output } from '@angular/core';
import type { Change, Page } from '@dtm/api-contract';
import type { Reference } from '@dtm/oci';
import type { Trouble } from '../api/problem.ts';
import { DigestText } from '../elements/digest-text.ts';
import { KindMark } from '../elements/kind-mark.ts';
import { Moment } from '../elements/moment.ts';
import { Pager } from '../elements/pager.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { boundsInWords } from '../wording/bounds.ts';
import { Clock } from '../wording/clock.ts';
import { KIND_WORDS, sourceInWords } from '../wording/kinds.ts';

/** The changes of a tag, newest first, each with the bounds between which it happened. */
@Component({
  selector: 'dtm-change-table',
  imports: [DigestText, KindMark, Moment, Pager, TroubleNotice],
  templateUrl: './change-table.html',
  styleUrl: './change-table.css',
})
export class ChangeTable {
  readonly changes = input.required<Page<Change> | undefined>();
  readonly trouble = input.required<Trouble | null>();
  readonly of = input.required<Reference>();
  readonly page = input.required<number>();
  /** Sequences that arrived live. */
  readonly fresh = input.required<ReadonlySet<number>>();
  readonly retry = output();

  readonly #clock = inject(Clock);
  /** Bounds name the year where it is not this one: that is looked up once a page, not once a second. */
  readonly #now = this.#clock.now();
  protected readonly repository = computed(() => this.of().name.toString());
  protected readonly kinds = KIND_WORDS;
  protected readonly source = sourceInWords;
  protected readonly skeleton = Array.from({ length: 5 }, (_, row) => row);

  protected bounds(change: Change): string {
    return boundsInWords(change, this.#now);
  }
}
