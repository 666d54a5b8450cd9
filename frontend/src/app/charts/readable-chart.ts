import { Component, computed, type ElementRef, input, model, viewChild } from '@angular/core';

/** One bar, day or point of a chart, in words. */
export interface Reading {
  /** `Nov 11 – Nov 17 2024` */
  when: string;
  /** One text per column of the table. */
  values: string[];
}

export interface Spot {
  x: number;
  y: number;
}

/**
 * What makes any chart readable without eyes or mouse: it is walked with the arrow keys, each reading is said and shown
 * in a tooltip, and a table of all of them lies behind it.
 */
@Component({
  selector: 'dtm-readable-chart',
  templateUrl: './readable-chart.html',
  styleUrl: './readable-chart.css',
})
export class ReadableChart {
  /** What the chart shows, in words. */
  readonly label = input.required<string>();
  readonly whenColumn = input.required<string>();
  readonly valueColumns = input.required<string[]>();
  readonly readings = input.required<readonly Reading[]>();
  /** Where a reading stands in the drawing, in pixels from its top left. */
  readonly spotOf = input.required<(index: number) => Spot | null>();
  /** Which reading stands at a place of the drawing. */
  readonly indexAt = input.required<(spot: Spot) => number | null>();
  /** Readings that arrow left and right move by; more than 1 where readings run down columns, as in a calendar. */
  readonly stride = input(1);
  /** The reading that is looked at. */
  readonly active = model<number | null>(null);

  protected readonly plot = viewChild.required<ElementRef<HTMLElement>>('plot');
  protected readonly last = computed(() => Math.max(0, this.readings().length - 1));
  protected readonly said = computed(() => {
    const index = this.active() ?? this.last();
    const reading = this.readings()[index];
    return reading === undefined ? '' : `${reading.when}: ${reading.values.join(', ')}`;
  });
  protected readonly tip = computed(() => {
    const index = this.active();
    const reading = index === null ? undefined : this.readings()[index];
    const spot = index === null ? null : this.spotOf()(index);
    if (reading === undefined || spot === null) return null;
    const width = this.plot().nativeElement.clientWidth;
    return { ...spot, x: Math.min(Math.max(spot.x, 70), Math.max(70, width - 70)), reading };
  });

  protected key(event: KeyboardEvent): void {
    const at = this.active() ?? this.last();
    const to = this.#target(event.key, at);
    if (to === null) return;
    event.preventDefault();
    this.active.set(Math.min(this.last(), Math.max(0, to)));
  }

  protected focused(): void {
    if (this.readings().length > 0 && this.active() === null) this.active.set(this.last());
  }

  protected pointed(event: PointerEvent): void {
    const box = this.plot().nativeElement.getBoundingClientRect();
    this.active.set(this.indexAt()({ x: event.clientX - box.left, y: event.clientY - box.top }));
  }

  protected leave(): void {
    this.active.set(null);
  }

  #target(key: string, at: number): number | null {
    const stride = this.stride();
    const steps: Record<string, number> = {
      ArrowLeft: at - stride,
      ArrowRight: at + stride,
      ArrowUp: stride > 1 ? at - 1 : at + 1,
      ArrowDown: stride > 1 ? at + 1 : at - 1,
      Home: 0,
      End: this.last(),
    };
    return steps[key] ?? null;
  }
}
