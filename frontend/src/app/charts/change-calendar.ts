import { Component, computed, input, signal } from '@angular/core';
import type { Change } from '@dtm/api-contract';
import { DAY, dayInWords } from '../wording/time.ts';
import { calendarOf, levelOf, type CalendarDay, type Watch } from './calendar-days.ts';
import { elementWidth } from './element-width.ts';
import { ReadableChart, type Spot } from './readable-chart.ts';

const LEFT = 28;
const TOP = 18;
const GAP = 2;

/** A year of days (UTC) at a glance: the darker, the more changes were observed. */
@Component({
  selector: 'dtm-change-calendar',
  imports: [ReadableChart],
  templateUrl: './change-calendar.html',
  styleUrl: './change-calendar.css',
})
export class ChangeCalendar {
  /** Newest first, from a year ago at least, if `complete`. */
  readonly changes = input.required<readonly Change[]>();
  readonly complete = input(true);
  /** Days without it are shown as such: that nothing was seen on them means nothing. */
  readonly watch = input.required<Watch>();
  readonly today = input.required<number>();

  protected readonly active = signal<number | null>(null);
  protected readonly width = elementWidth();
  /** As many weeks as fit with cells of a readable size. */
  readonly #weeks = computed(() => Math.max(16, Math.min(53, Math.floor((this.width() - LEFT) / 10))));
  protected readonly cell = computed(() =>
    Math.max(8, Math.min(14, Math.floor((this.width() - LEFT) / this.#weeks()) - GAP)),
  );
  readonly #step = computed(() => this.cell() + GAP);
  readonly #day = computed(() => Math.floor(this.today() / DAY) * DAY);
  readonly #calendar = computed(() =>
    calendarOf(this.changes(), this.#day(), this.#weeks(), this.watch(), this.complete()),
  );
  protected readonly months = computed(() =>
    this.#calendar().months.map(({ week, label }) => ({ x: LEFT + week * this.#step(), label })),
  );
  protected readonly weekdays = computed(() =>
    [
      [0, 'Mon'],
      [2, 'Wed'],
      [4, 'Fri'],
    ].map(([row, label]) => ({ y: TOP + Number(row) * this.#step() + this.cell() - 1, label: String(label) })),
  );
  protected readonly drawnWidth = computed(() => LEFT + this.#weeks() * this.#step());
  protected readonly drawnHeight = computed(() => TOP + 7 * this.#step());
  protected readonly cells = computed(() =>
    this.#calendar().days.map((day, index) => ({
      ...this.#cornerOf(index),
      level: !day.watched ? 'unwatched' : day.read ? String(levelOf(day.changes)) : 'unread',
    })),
  );
  protected readonly unwatched = computed(() => this.#calendar().days.some(({ watched }) => !watched));
  protected readonly unread = computed(() => this.#calendar().days.some(({ watched, read }) => watched && !read));
  protected readonly readings = computed(() =>
    this.#calendar().days.map((day) => ({
      when: dayInWords(new Date(day.at).toISOString()),
      values: [readingOf(day)],
    })),
  );
  protected readonly label = computed(() => `Changes per day in the last ${this.#weeks()} weeks, UTC`);
  protected readonly levels = ['0', '1', '2', '3', '4'];

  protected readonly spotOf = (index: number): Spot => {
    const { x, y } = this.#cornerOf(index);
    return { x: x + this.cell() / 2, y };
  };
  protected readonly indexAt = ({ x, y }: Spot): number | null => {
    const week = Math.floor((x - LEFT) / this.#step());
    const weekday = Math.floor((y - TOP) / this.#step());
    const index = week * 7 + weekday;
    return week < 0 || weekday < 0 || weekday > 6 || index >= this.readings().length ? null : index;
  };

  #cornerOf(index: number): Spot {
    return { x: LEFT + Math.floor(index / 7) * this.#step(), y: TOP + (index % 7) * this.#step() };
  }
}

function readingOf({ changes, watched, read }: CalendarDay): string {
  if (!watched) return 'not watched';
  if (!read) return 'not counted: too many changes since';
  return changes === 0 ? 'no change' : `${changes} ${changes === 1 ? 'change' : 'changes'}`;
}
