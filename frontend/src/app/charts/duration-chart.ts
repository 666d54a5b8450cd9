import { Component, computed, input } from '@angular/core';
import type { ScanDay } from '@dtm/api-contract';
import { dayInWords } from '../wording/time.ts';
import { Bars, type Bar } from './bars.ts';

/** Average seconds that a scan of a repository took, per day. */
@Component({
  selector: 'dtm-duration-chart',
  imports: [Bars],
  template: `<dtm-bars
    [bars]="bars()"
    label="Average duration of a scan per day, UTC"
    whenColumn="Day (UTC)"
    valueColumn="Average duration"
    [height]="190"
  />`,
})
export class DurationChart {
  readonly days = input.required<readonly ScanDay[]>();
  protected readonly bars = computed<Bar[]>(() =>
    this.days().map(({ day, averageDurationSeconds, succeeded, failed }) => ({
      name: day,
      value: averageDurationSeconds,
      // A day without a scan has no duration, rather than a short one.
      reading: {
        when: dayInWords(day),
        values: [succeeded + failed === 0 ? 'no scan' : `${averageDurationSeconds.toFixed(1)} s`],
      },
      tick: dayInWords(day, Date.parse(day)),
    })),
  );
}
