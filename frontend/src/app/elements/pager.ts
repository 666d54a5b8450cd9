import { Component, input } from '@angular/core';
import { RouterLink, type QueryParamsHandling } from '@angular/router';
import { Icon } from './icon.ts';

/** First, previous, next and last page, as links: each page is a URL to share. */
@Component({
  selector: 'dtm-pager',
  imports: [Icon, RouterLink],
  template: `<nav [attr.aria-label]="label()">
    @for (step of steps(); track step.icon) {
      <!-- One element whether it leads on or not: whoever has reached the end with it keeps the focus. -->
      <a
        class="step"
        role="link"
        [routerLink]="step.page === null ? null : []"
        [queryParams]="{ page: step.page === 1 ? null : step.page }"
        [queryParamsHandling]="merge"
        [attr.aria-disabled]="step.page === null ? 'true' : null"
        [attr.tabindex]="step.page === null ? -1 : null"
        [attr.aria-label]="step.label"
        ><dtm-icon [name]="step.icon"
      /></a>
      @if (step.icon === 'previous') {
        <span class="tabular">{{ page() }} of {{ pages() }}</span>
      }
    }
  </nav>`,
  styles: `
    nav {
      display: flex;
      align-items: center;
      gap: 0.25rem;
    }
    .step {
      display: inline-grid;
      place-items: center;
      width: 2rem;
      height: 2rem;
      border-radius: var(--radius);
      color: var(--ink);
    }
    .step[aria-disabled] {
      color: var(--rule-strong);
    }
    a.step:not([aria-disabled]):hover {
      background: var(--hover);
    }
    .tabular {
      padding-inline: 0.4rem;
      color: var(--ink-2);
    }
  `,
})
export class Pager {
  readonly page = input.required<number>();
  readonly pages = input.required<number>();
  readonly label = input('Pages');
  protected readonly merge: QueryParamsHandling = 'merge';

  protected steps(): { icon: 'first' | 'previous' | 'next' | 'last'; label: string; page: number | null }[] {
    const page = this.page();
    const pages = this.pages();
    return [
      { icon: 'first', label: 'First page', page: page > 1 ? 1 : null },
      { icon: 'previous', label: 'Previous page', page: page > 1 ? page - 1 : null },
      { icon: 'next', label: 'Next page', page: page < pages ? page + 1 : null },
      { icon: 'last', label: 'Last page', page: page < pages ? pages : null },
    ];
  }
}
