import { Component, computed, inject, viewChild } from '@angular/core';
import { RouterLink, RouterLinkActive, RouterOutlet } from '@angular/router';
import { Icon } from '../elements/icon.ts';
import { AddTag } from './add-tag.ts';
import { LiveIndicator } from './live-indicator.ts';
import { ThemeChoice, THEMES } from './theme.ts';

/** What surrounds every page: name, ways, state of the live stream, adding a tag, theme. */
@Component({
  selector: 'dtm-root',
  imports: [AddTag, Icon, LiveIndicator, RouterLink, RouterLinkActive, RouterOutlet],
  templateUrl: './shell.html',
  styleUrl: './shell.css',
})
export class Shell {
  protected readonly addTag = viewChild.required(AddTag);
  protected readonly theme = inject(ThemeChoice);
  protected readonly themeLabel = computed(() => {
    const theme = this.theme.theme();
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    return `Theme: ${theme === 'system' ? 'as the system' : theme}. Switch to ${next === 'system' ? 'the system’s' : next}.`;
  });
}
