import { Component, inject } from '@angular/core';
import { RouterLink } from '@angular/router';
import { PageHeading } from '../shell/page-heading.ts';

@Component({
  selector: 'dtm-not-found-page',
  imports: [RouterLink],
  template: `<div class="notice">
    <div>
      <h1>There is no page at this address</h1>
      <p class="muted">The record of a tag is at <code>/details/registry/repository:tag</code>.</p>
      <p><a routerLink="/">Search for a tag</a></p>
    </div>
  </div>`,
})
export class NotFoundPage {
  constructor() {
    inject(PageHeading).set('Not found', 'There is no page at this address.');
  }
}
