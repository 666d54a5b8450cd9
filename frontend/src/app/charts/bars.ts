import { Component, computed, input, model, viewChild, ViewEncapsulation } from '@angular/core';
import { BarChartModule, BarVerticalComponent, type Color, ScaleType } from '@swimlane/ngx-charts';
import { axisTicks, axisTop } from './axis.ts';
import { elementWidth } from './element-width.ts';
import { type Reading, ReadableChart, type Spot } from './readable-chart.ts';

/** One bar: the name is its key, and has to be unique. */
export interface Bar {
  name: string;
  value: number;
  reading: Reading;
  /** Below the axis; empty: no tick. */
  tick: string;
}

/** What ngx-charts leaves free above its bars, in pixels. */
const TOP_MARGIN = 10;

/** The colours come from the style sheet, so that both themes hold without drawing anew. */
const SCHEME: Color = { name: 'dtm', selectable: false, group: ScaleType.Ordinal, domain: ['currentColor'] };
const LEAST_TICK_DISTANCE = 34;
/** Room for the numbers beside the axis, more or less. */
const AXIS_WIDTH = 50;
const WIDEST_BAR = 44;

/** Bars that start at zero, in one colour; the one place that draws a single series with ngx-charts. */
@Component({
  selector: 'dtm-bars',
  imports: [BarChartModule, ReadableChart],
  template: `<dtm-readable-chart
    [label]="label()"
    [whenColumn]="whenColumn()"
    [valueColumns]="[valueColumn()]"
    [readings]="readings()"
    [spotOf]="spotOf"
    [indexAt]="indexAt"
    [(active)]="active"
  >
    <!-- Inert: its bars listen for the focus, which makes each a stop of the Tab key. -->
    <div class="dtm-bars" inert aria-hidden="true" [style.height.px]="height()">
      @if (width() > 0) {
        <ngx-charts-bar-vertical
          [view]="[drawn(), height()]"
          [results]="results()"
          [scheme]="scheme"
          [animations]="false"
          [xAxis]="true"
          [yAxis]="true"
          [xAxisTicks]="ticks()"
          [xAxisTickFormatting]="tickText()"
          [yAxisTicks]="yTicks()"
          [yAxisTickFormatting]="yText"
          [rotateXAxisTicks]="false"
          [trimXAxisTicks]="false"
          [trimYAxisTicks]="false"
          [yScaleMax]="top()"
          [barPadding]="padding()"
          [roundEdges]="false"
          [tooltipDisabled]="true"
          [activeEntries]="activeEntries()"
        />
      }
    </div>
  </dtm-readable-chart>`,
  styleUrl: './bars.css',
  encapsulation: ViewEncapsulation.None,
  host: { style: 'display: block' },
})
export class Bars {
  readonly bars = input.required<readonly Bar[]>();
  readonly label = input.required<string>();
  readonly whenColumn = input.required<string>();
  readonly valueColumn = input.required<string>();
  readonly height = input(170);
  readonly active = model<number | null>(null);

  protected readonly scheme = SCHEME;
  protected readonly width = elementWidth();
  /** A few bars stay bars: they are not stretched to slabs. */
  protected readonly drawn = computed(() => Math.min(this.width(), AXIS_WIDTH + this.bars().length * WIDEST_BAR));
  protected readonly chart = viewChild(BarVerticalComponent);

  protected readonly results = computed(() => this.bars().map(({ name, value }) => ({ name, value })));
  protected readonly readings = computed(() => this.bars().map(({ reading }) => reading));
  protected readonly padding = computed(() => (this.width() / Math.max(1, this.bars().length) > 14 ? 3 : 1));
  readonly #most = computed(() => Math.max(0, ...this.bars().map(({ value }) => value)));
  protected readonly yTicks = computed(() => axisTicks(this.#most()));
  protected readonly top = computed(() => axisTop(this.#most()));
  protected readonly yText = (value: number): string => value.toLocaleString('en');

  /** Ticks that have room: the first of each that would stand too close is kept. */
  protected readonly ticks = computed(() => {
    const step = Math.max(1, this.drawn() - AXIS_WIDTH) / Math.max(1, this.bars().length);
    const kept: string[] = [];
    let free = 0;
    this.bars().forEach(({ name, tick }, index) => {
      if (tick === '' || index * step < free) return;
      kept.push(name);
      free = index * step + Math.max(LEAST_TICK_DISTANCE, tick.length * 8 + 8);
    });
    return kept;
  });
  protected readonly tickText = computed(() => {
    const texts = new Map(this.bars().map(({ name, tick }) => [name, tick]));
    return (name: string): string => texts.get(name) ?? '';
  });
  protected readonly activeEntries = computed(() => {
    const bar = this.bars()[this.active() ?? -1];
    return bar === undefined ? [] : [{ name: bar.name, value: bar.value }];
  });

  protected readonly spotOf = (index: number): Spot | null => {
    const chart = this.chart();
    const bar = this.bars()[index];
    if (chart === undefined || bar === undefined) return null;
    const left = Number(chart.xScale(bar.name)) + Number(chart.xScale.bandwidth()) / 2;
    return { x: (chart.dims.xOffset ?? 0) + left, y: TOP_MARGIN + Number(chart.yScale(bar.value)) };
  };

  protected readonly indexAt = ({ x }: Spot): number | null => {
    const chart = this.chart();
    const count = this.bars().length;
    if (chart === undefined || count === 0) return null;
    const index = Math.floor(((x - (chart.dims.xOffset ?? 0)) / chart.dims.width) * count);
    return Math.min(count - 1, Math.max(0, index));
  };
}
