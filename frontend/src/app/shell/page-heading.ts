import { inject, Injectable } from '@angular/core';
import { Meta, Title } from '@angular/platform-browser';

const SITE = 'Docker Tag Monitor';

/** Names the page: in the tab, and in what a shared link shows. */
@Injectable({ providedIn: 'root' })
export class PageHeading {
  readonly #title = inject(Title);
  readonly #meta = inject(Meta);

  set(title: string | null, description: string): void {
    const full = title === null ? SITE : `${title} · ${SITE}`;
    this.#title.setTitle(full);
    this.#meta.updateTag({ name: 'description', content: description });
    this.#meta.updateTag({ property: 'og:title', content: full });
    this.#meta.updateTag({ property: 'og:description', content: description });
  }
}
