import { Component, computed, type ElementRef, inject, viewChild } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { NavigationEnd, Router, RouterLink, RouterLinkActive, RouterOutlet } from '@angular/router';
import { Icon } from '../elements/icon.ts';
import { AddTag } from './add-tag.ts';
import { StatusApi } from '../api/status-api.ts';
import { LiveIndicator } from './live-indicator.ts';
import { SourceLink } from './source-link.ts';
import { ThemeChoice, THEMES } from './theme.ts';

/** What surrounds every page: name, ways, state of the live stream, adding a tag, theme. */
@Component({
  selector: 'dtm-root',
  imports: [AddTag, Icon, LiveIndicator, RouterLink, RouterLinkActive, RouterOutlet, SourceLink],
  templateUrl: './shell.html',
  styleUrl: './shell.css',
})
export class Shell {
  protected readonly addTag = viewChild.required(AddTag);
  protected readonly content = viewChild.required<ElementRef<HTMLElement>>('content');
  readonly #source = inject(StatusApi).source();
  /** Decoration: the page does without it where it does not come. */
  protected readonly source = computed(() => (this.#source.hasValue() ? this.#source.value() : undefined));
  protected readonly theme = inject(ThemeChoice);
  protected readonly themeLabel = computed(() => {
    const theme = this.theme.theme();
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    return `Theme: ${theme === 'system' ? 'as the system' : theme}. Switch to ${next === 'system' ? 'the system’s' : next}.`;
  });

  constructor() {
    const router = inject(Router);
    let path: string | null = null;
    router.events.pipe(takeUntilDestroyed()).subscribe((event) => {
      if (!(event instanceof NavigationEnd)) return;
      const before = path;
      path = event.urlAfterRedirects.replace(/[?#].*$/, '');
      // Another page begins at its beginning, for the keyboard too; a filter or a page of a list leaves the focus alone.
      if (before !== null && before !== path) this.content().nativeElement.focus({ preventScroll: true });
    });
  }
}
