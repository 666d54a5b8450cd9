import { Component, computed, input, output } from '@angular/core';
import type { TagSort } from '@dtm/api-contract';
import type { TagsQuery } from '../api/tags-api.ts';
import { Icon } from '../elements/icon.ts';

/** A column's name that sorts by it. */
@Component({
  selector: 'dtm-sort-header',
  imports: [Icon],
  template: `<button type="button" [class.on]="on()" [attr.aria-label]="label()" (click)="sort.emit(by())">
    <ng-content />
    @if (on()) {
      <dtm-icon [name]="query().order === 'asc' ? 'ascending' : 'descending'" />
    }
  </button>`,
  styles: `
    button {
      display: inline-flex;
      align-items: center;
      gap: 0.2rem;
      padding: 0.25rem 0;
      font: inherit;
      color: inherit;
      background: none;
      border: 0;
      min-height: 0;
    }
    button:hover {
      color: var(--ink);
      background: none;
    }
    .on {
      color: var(--ink);
    }
    dtm-icon {
      transform: scale(0.75);
    }
  `,
})
export class SortHeader {
  readonly by = input.required<TagSort>();
  readonly name = input.required<string>();
  readonly query = input.required<TagsQuery>();
  readonly sort = output<TagSort>();

  protected readonly on = computed(() => this.query().sort === this.by());
  protected readonly label = computed(() => {
    const now = this.on() ? `, ${this.query().order === 'asc' ? 'ascending' : 'descending'} now` : '';
    return `Sort by ${this.name()}${now}`;
  });
}
