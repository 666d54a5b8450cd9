import { Component, computed, effect, inject, input, resource, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { FREQUENCY_INTERVALS, type FrequencyInterval, type TagDetails } from '@dtm/api-contract';
import { latest } from '../api/latest.ts';
import { TagsApi } from '../api/tags-api.ts';
import { ChangeCalendar } from '../charts/change-calendar.ts';
import { FrequencyChart } from '../charts/frequency-chart.ts';
import { TroubleNotice } from '../elements/trouble-notice.ts';
import { Clock } from '../wording/clock.ts';
import { recordEnd } from '../wording/record-end.ts';
import { DAY } from '../wording/time.ts';

/** Enough for a tag that is rebuilt several times a day; more would be a slow page. */
const CALENDAR_AT_MOST = 1_000;

/** When it changed: a year of days, and bars per week or month. */
@Component({
  selector: 'dtm-frequencies',
  imports: [ChangeCalendar, FrequencyChart, RouterLink, TroubleNotice],
  templateUrl: './frequencies.html',
  styleUrl: './frequencies.css',
})
export class Frequencies {
  readonly tag = input.required<TagDetails>();
  readonly interval = input.required<FrequencyInterval>();
  /** Counts up when there is something new to read. */
  readonly version = input.required<number>();

  readonly #api = inject(TagsApi);
  readonly #reference = computed(() => this.tag().reference);
  protected readonly intervals = FREQUENCY_INTERVALS;
  /** The day, and no less: the calendar need not be drawn anew each second. */
  readonly #clock = inject(Clock);
  protected readonly today = computed(() => Math.floor(this.#clock.now() / DAY) * DAY);

  protected readonly watch = computed(() => {
    const { cadence, coverage } = this.tag();
    return { since: cadence.watchedSince, until: recordEnd(this.tag(), this.today()), gaps: coverage.recentGaps };
  });

  readonly #frequency = this.#api.frequency(() => ({ reference: this.#reference(), interval: this.interval() }));
  protected readonly frequency = latest(this.#frequency, this.interval);

  readonly #year = resource({
    params: () => ({ reference: this.#reference(), version: this.version(), today: this.today() }),
    loader: ({ params, abortSignal }) =>
      this.#api.changesSince(params.reference, params.today - 372 * DAY, CALENDAR_AT_MOST, abortSignal),
  });
  protected readonly year = latest(this.#year);

  constructor() {
    effect(() => {
      if (this.version() > 0) untracked(() => this.readFrequency());
    });
  }

  protected readYear(): void {
    this.#year.reload();
  }

  protected readFrequency(): void {
    this.#frequency.reload();
  }
}
