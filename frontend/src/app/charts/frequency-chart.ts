import { Component, computed, input, linkedSignal } from '@angular/core';
import type { Frequency } from '@dtm/api-contract';
import { Icon } from '../elements/icon.ts';
import { monthInWords, weekInWords } from '../wording/time.ts';
import { Bars, type Bar } from './bars.ts';
import { elementWidth } from './element-width.ts';

const LEAST_BAR = 9;

/** Changes per week or month (UTC), newest at the right; what has no room lies behind "earlier". */
@Component({
  selector: 'dtm-frequency-chart',
  imports: [Bars, Icon],
  template: `<div class="window" [style.top.px]="height()">
      <button type="button" class="quiet" aria-label="Earlier" [attr.aria-disabled]="from() === 0" (click)="move(-1)">
        <dtm-icon name="previous" />
      </button>
      <span class="range">{{ range() }}</span>
      <button
        #later
        type="button"
        class="quiet"
        aria-label="Later"
        [attr.aria-disabled]="back() === 0"
        (click)="move(1)"
      >
        <dtm-icon name="next" />
      </button>
    </div>
    @if (lastBefore(); as last) {
      <p class="none">
        None here; the last:
        <button type="button" class="quiet labelled" (click)="back.set(last.back); later.focus()">
          {{ last.when }}
        </button>
      </p>
    }
    <dtm-bars
      [bars]="bars()"
      [label]="'Changes per ' + frequency().interval + ', UTC'"
      [whenColumn]="frequency().interval === 'week' ? 'Week (UTC)' : 'Month (UTC)'"
      valueColumn="Changes"
      [height]="height()"
    />`,
  styles: `
    :host {
      position: relative;
      display: block;
    }
    /* Beside "As a table", where it costs no height. */
    .window {
      position: absolute;
      right: 0;
      z-index: 1;
      display: flex;
      align-items: center;
      min-height: 1.5rem;
    }
    .window button {
      min-height: 1.5rem;
      padding-block: 0;
    }
    .none {
      position: absolute;
      top: 1.5rem;
      left: 3.5rem;
      z-index: 1;
      margin: 0;
      color: var(--ink-2);
      font-size: 0.8125rem;
    }
    .none button {
      color: var(--accent);
      text-decoration: underline;
      text-underline-offset: 0.18em;
    }
    .range {
      color: var(--ink-3);
      font-size: 0.8125rem;
      font-variant-numeric: tabular-nums;
    }
  `,
})
export class FrequencyChart {
  readonly frequency = input.required<Frequency>();
  readonly height = input(136);

  readonly #width = elementWidth();
  /** Buckets between the newest one and the right edge. */
  protected readonly back = linkedSignal({ source: () => this.frequency().interval, computation: () => 0 });
  readonly #room = computed(() =>
    Math.max(8, Math.min(this.frequency().interval === 'week' ? 53 : 36, Math.floor((this.#width() - 50) / LEAST_BAR))),
  );
  readonly #end = computed(() => this.frequency().buckets.length - this.back());
  protected readonly from = computed(() => Math.max(0, this.#end() - this.#room()));
  readonly #shown = computed(() => this.frequency().buckets.slice(this.from(), this.#end()));

  protected readonly bars = computed<Bar[]>(() => {
    const week = this.frequency().interval === 'week';
    return this.#shown().map(({ start, changes }, index, all) => ({
      name: start,
      value: changes,
      reading: { when: week ? weekInWords(start) : monthInWords(start), values: [counted(changes)] },
      tick: week ? monthTick(start, all[index - 1]?.start) : yearTick(start, all.length),
    }));
  });
  protected readonly range = computed(() => {
    const first = this.#shown()[0]?.start;
    const last = this.#shown().at(-1)?.start;
    return first === undefined || last === undefined ? '' : `${monthInWords(first)} – ${monthInWords(last)}`;
  });

  /** Where nothing changed in what is shown: when it last did before. */
  protected readonly lastBefore = computed(() => {
    const { buckets, interval } = this.frequency();
    if (this.#shown().some(({ changes }) => changes > 0)) return null;
    const index = buckets.findLastIndex(({ changes }, at) => changes > 0 && at < this.from());
    const start = buckets[index]?.start;
    if (start === undefined) return null;
    return {
      back: Math.min(buckets.length - 1 - index, buckets.length - this.#room()),
      when: interval === 'week' ? weekInWords(start) : monthInWords(start),
    };
  });

  protected move(by: 1 | -1): void {
    const most = Math.max(0, this.frequency().buckets.length - this.#room());
    this.back.update((back) => Math.min(most, Math.max(0, back - by * this.#room())));
  }
}

function counted(changes: number): string {
  return `${changes} ${changes === 1 ? 'change' : 'changes'}`;
}

/** A week is ticked where a month begins. */
function monthTick(start: string, before: string | undefined): string {
  const month = monthInWords(start);
  if (before !== undefined && monthInWords(before) === month) return '';
  return month.startsWith('Jan') ? month.slice(4) : month.slice(0, 3);
}

/** A month is ticked where a year begins, and where there is room for all. */
function yearTick(start: string, bars: number): string {
  const month = monthInWords(start);
  if (month.startsWith('Jan')) return month.slice(4);
  return bars <= 18 ? month.slice(0, 3) : '';
}
