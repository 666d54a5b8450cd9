import { DOCUMENT } from '@angular/common';
import { inject, Injectable, signal } from '@angular/core';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** Also read by public/theme.js, before the first paint. */
const REMEMBERED_AS = 'dtm-theme';

/** Light or dark: follows the system until someone chooses, and remembers the choice. */
@Injectable({ providedIn: 'root' })
export class ThemeChoice {
  readonly #document = inject(DOCUMENT);
  readonly #theme = signal<Theme>(this.#remembered());
  readonly theme = this.#theme.asReadonly();

  next(): void {
    const theme = THEMES[(THEMES.indexOf(this.#theme()) + 1) % THEMES.length] ?? 'system';
    this.#theme.set(theme);
    if (theme === 'system') delete this.#document.documentElement.dataset['theme'];
    else this.#document.documentElement.dataset['theme'] = theme;
    try {
      this.#document.defaultView?.localStorage.setItem(REMEMBERED_AS, theme);
    } catch {
      // Storage is refused: the choice holds for this page alone.
    }
  }

  #remembered(): Theme {
    const chosen = this.#document.documentElement.dataset['theme'];
    return THEMES.find((theme) => theme === chosen) ?? 'system';
  }
}
