import { Component, computed, effect, inject, input } from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import { FREQUENCY_INTERVALS } from '@dtm/api-contract';
import { isInvalid, Reference } from '@dtm/oci';
import { LAST_PAGE } from '../api/page-instead.ts';
import { PageHeading } from '../shell/page-heading.ts';
import { detailsLink } from '../wording/links.ts';
import { TagRecord } from './tag-record.ts';

/** What the address names: a reference and its record, or why it is none. */
@Component({
  selector: 'dtm-details-page',
  imports: [RouterLink, TagRecord],
  template: `@for (reference of references(); track reference.text) {
      <dtm-tag-record [of]="reference.parsed" [page]="pageNumber()" [interval]="intervalChosen()" />
    } @empty {
      <div class="notice trouble" role="alert">
        <div>
          <h1 class="notice-title">“{{ fault()?.text }}” is not a reference</h1>
          <p>{{ sentence(fault()?.reason ?? '') }}</p>
          <p class="muted">A reference is <code>[registry/]repository[:tag]</code>, as for <code>docker pull</code>.</p>
        </div>
        <a routerLink="/">Search for a tag</a>
      </div>
    }`,
})
export class DetailsPage {
  /** As the address has it: not canonical yet, perhaps not even valid. */
  readonly reference = input.required<string>();
  readonly page = input<string>();
  readonly interval = input<string>();

  readonly #parsed = computed(() => Reference.parse(this.reference()));
  /** One or none; a list, so that another reference is another record from scratch. */
  protected readonly references = computed(() => {
    const parsed = this.#parsed();
    return isInvalid(parsed) ? [] : [{ text: parsed.toString(), parsed }];
  });
  protected readonly fault = computed(() => {
    const parsed = this.#parsed();
    return isInvalid(parsed) ? parsed : null;
  });
  protected readonly pageNumber = computed(() =>
    /^[1-9]\d{0,14}$/.test(this.page() ?? '') ? Math.min(LAST_PAGE, Number(this.page())) : 1,
  );
  protected readonly intervalChosen = computed(
    () => FREQUENCY_INTERVALS.find((known) => known === this.interval()) ?? 'week',
  );

  constructor() {
    const router = inject(Router);
    const heading = inject(PageHeading);
    effect(() => {
      const fault = this.fault();
      if (fault !== null) heading.set('Not a reference', `"${fault.text}" is not a reference: ${fault.reason}.`);
    });
    // One record has one address: the canonical one.
    effect(() => {
      const canonical = this.references()[0]?.text;
      if (canonical === undefined || canonical === this.reference()) return;
      void router.navigate(detailsLink(canonical), { replaceUrl: true, queryParamsHandling: 'preserve' });
    });
  }

  protected sentence(reason: string): string {
    return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  }
}
