import { Component, computed, input } from '@angular/core';
import type { SourceInfo } from '@dtm/api-contract';
import { Icon } from '../elements/icon.ts';

/** Leads to the source code, with its number of stars where that is known. */
@Component({
  selector: 'dtm-source-link',
  imports: [Icon],
  template: `@if (source()?.url; as url) {
    <a [href]="url" target="_blank" rel="noopener" data-testid="source">
      <span>Source</span>
      @if (stars(); as stars) {
        <span class="stars" data-testid="stars"
          ><dtm-icon name="star" /><span aria-hidden="true">{{ stars }}</span
          ><span class="visually-hidden">{{ stars }} stars</span></span
        >
      }
    </a>
  }`,
  styles: `
    :host {
      display: inline-flex;
      align-items: center;
    }
    a {
      display: inline-flex;
      align-items: center;
      gap: 0.5rem;
      color: inherit;
      text-decoration: none;
      white-space: nowrap;
    }
    a:hover {
      color: var(--ink);
      text-decoration: underline;
    }
    .stars {
      display: inline-flex;
      align-items: center;
      gap: 0.2rem;
      font-variant-numeric: tabular-nums;
    }
  `,
})
export class SourceLink {
  readonly source = input.required<SourceInfo | undefined>();
  protected readonly stars = computed(() => this.source()?.stars?.toLocaleString('en'));
}
