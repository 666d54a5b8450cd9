import { Component, computed, input } from '@angular/core';

const WIDTH = 72;
const HEIGHT = 20;
const GAP = 1.5;

/** Changes in each of the last 12 months as bars that start at zero. */
@Component({
  selector: 'dtm-sparkline',
  template: `<svg
    [attr.viewBox]="box"
    [attr.width]="width"
    [attr.height]="height"
    role="img"
    [attr.aria-label]="label()"
  >
    @for (bar of bars(); track $index) {
      <rect
        [attr.x]="bar.x"
        [attr.y]="bar.y"
        [attr.width]="bar.width"
        [attr.height]="bar.height"
        [class.none]="bar.none"
      />
    }
  </svg>`,
  host: { '[title]': 'label()' },
  styles: `
    :host {
      display: inline-flex;
    }
    rect {
      fill: var(--bar);
    }
    rect.none {
      fill: var(--rule-strong);
    }
  `,
})
export class Sparkline {
  /** Oldest first. */
  readonly counts = input.required<readonly number[]>();

  protected readonly width = WIDTH;
  protected readonly height = HEIGHT;
  protected readonly box = `0 0 ${WIDTH} ${HEIGHT}`;

  protected readonly bars = computed(() => {
    const counts = this.counts();
    const step = WIDTH / Math.max(1, counts.length);
    // A single change in a quiet year is no peak: four changes a month fill half the height.
    const top = Math.max(8, ...counts);
    return counts.map((count, index) => {
      const height = count === 0 ? 1 : Math.max(2.5, (count / top) * (HEIGHT - 1));
      return { x: index * step, y: HEIGHT - height, width: step - GAP, height, none: count === 0 };
    });
  });

  protected readonly label = computed(() => {
    const counts = this.counts();
    const all = counts.reduce((sum, count) => sum + count, 0);
    return `Last ${counts.length} months: ${all} ${all === 1 ? 'change' : 'changes'}, ${counts.at(-1) ?? 0} of them this month`;
  });
}
