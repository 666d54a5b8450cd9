import { Component, computed, input } from '@angular/core';
import { markedReference } from '../wording/marked.ts';

/** A reference for the eye: the registry small, the tag strong, what was searched for marked. */
@Component({
  selector: 'dtm-reference',
  template: `@for (side of sides(); track side.name) {
    <span [class]="'ref-' + side.name">
      @for (part of side.parts; track $index) {
        @if (part.hit) {
          <mark>{{ part.text }}</mark>
        } @else {
          <span>{{ part.text }}</span>
        }
      }
    </span>
  }`,
  host: { class: 'reference' },
})
export class ReferenceText {
  readonly of = input.required<{ registry: string; repository: string; tag: string }>();
  /** What was searched for; empty: nothing is marked. */
  readonly sought = input('');

  protected readonly sides = computed(() => {
    const { registry, repository, tag } = markedReference(this.of(), this.sought());
    return [
      { name: 'registry', parts: registry },
      { name: 'repository', parts: repository },
      { name: 'tag', parts: [{ text: ':', hit: false }, ...tag] },
    ];
  });
}
