import { Component, computed, input, model, viewChild, ViewEncapsulation } from '@angular/core';
import type { ScanDay } from '@dtm/api-contract';
import { BarChartModule, BarVerticalStackedComponent, type Color, ScaleType } from '@swimlane/ngx-charts';
import { dayInWords } from '../wording/time.ts';
import { axisTicks, axisTop } from './axis.ts';
import { elementWidth } from './element-width.ts';
import { ReadableChart, type Spot } from './readable-chart.ts';

/** What ngx-charts leaves free above its bars, in pixels. */
const TOP_MARGIN = 10;

const SCHEME: Color = {
  name: 'dtm-scans',
  selectable: false,
  group: ScaleType.Ordinal,
  domain: ['var(--bar)', 'var(--kind-disappearance)'],
};

/** Scans of repositories per day, those that failed on top. */
@Component({
  selector: 'dtm-scan-days-chart',
  imports: [BarChartModule, ReadableChart],
  template: `<dtm-readable-chart
    label="Scans per day, UTC"
    whenColumn="Day (UTC)"
    [valueColumns]="['Succeeded', 'Failed']"
    [readings]="readings()"
    [spotOf]="spotOf"
    [indexAt]="indexAt"
    [(active)]="active"
  >
    <div class="dtm-stacked" inert aria-hidden="true" [style.height.px]="height">
      @if (width() > 0) {
        <ngx-charts-bar-vertical-stacked
          [view]="[width(), height]"
          [results]="results()"
          [scheme]="scheme"
          [animations]="false"
          [xAxis]="true"
          [yAxis]="true"
          [xAxisTicks]="ticks()"
          [xAxisTickFormatting]="tickText"
          [yAxisTicks]="yTicks()"
          [yScaleMax]="top()"
          [rotateXAxisTicks]="false"
          [trimXAxisTicks]="false"
          [trimYAxisTicks]="false"
          [barPadding]="2"
          [tooltipDisabled]="true"
        />
      }
    </div>
  </dtm-readable-chart>`,
  styleUrl: './bars.css',
  encapsulation: ViewEncapsulation.None,
  host: { style: 'display: block' },
})
export class ScanDaysChart {
  readonly days = input.required<readonly ScanDay[]>();

  protected readonly height = 190;
  protected readonly scheme = SCHEME;
  protected readonly active = model<number | null>(null);
  protected readonly width = elementWidth();
  protected readonly chart = viewChild(BarVerticalStackedComponent);

  protected readonly results = computed(() =>
    this.days().map(({ day, succeeded, failed }) => ({
      name: day,
      series: [
        { name: 'succeeded', value: succeeded },
        { name: 'failed', value: failed },
      ],
    })),
  );
  protected readonly readings = computed(() =>
    this.days().map(({ day, succeeded, failed }) => ({
      when: dayInWords(day),
      values: [`${succeeded.toLocaleString('en')} succeeded`, `${failed.toLocaleString('en')} failed`],
    })),
  );
  readonly #most = computed(() => Math.max(0, ...this.days().map(({ succeeded, failed }) => succeeded + failed)));
  protected readonly yTicks = computed(() => axisTicks(this.#most()));
  protected readonly top = computed(() => axisTop(this.#most()));
  protected readonly ticks = computed(() => everyNth(this.days(), this.width()));
  protected readonly tickText = (day: string): string => dayInWords(day, Date.parse(day));

  protected readonly spotOf = (index: number): Spot | null => {
    const chart = this.chart();
    const day = this.days()[index];
    if (chart === undefined || day === undefined) return null;
    const left = Number(chart.xScale(day.day)) + Number(chart.xScale.bandwidth()) / 2;
    return { x: (chart.dims.xOffset ?? 0) + left, y: TOP_MARGIN + Number(chart.yScale(day.succeeded + day.failed)) };
  };

  protected readonly indexAt = ({ x }: Spot): number | null => {
    const chart = this.chart();
    const count = this.days().length;
    if (chart === undefined || count === 0) return null;
    const index = Math.floor(((x - (chart.dims.xOffset ?? 0)) / chart.dims.width) * count);
    return Math.min(count - 1, Math.max(0, index));
  };
}

/** Days with room for `3 Nov` below, counted from the newest. */
export function everyNth(days: readonly ScanDay[], width: number): string[] {
  const every = Math.max(1, Math.ceil((days.length * 56) / Math.max(1, width - 50)));
  return days.filter((_, index) => (days.length - 1 - index) % every === Math.floor(every / 2)).map(({ day }) => day);
}
