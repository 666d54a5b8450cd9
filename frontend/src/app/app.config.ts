import { provideHttpClient } from '@angular/common/http';
import {
  type ApplicationConfig,
  inject,
  provideBrowserGlobalErrorListeners,
  provideEnvironmentInitializer,
  provideZonelessChangeDetection,
} from '@angular/core';
import { provideAnimationsAsync } from '@angular/platform-browser/animations/async';
import {
  PreloadAllModules,
  provideRouter,
  withComponentInputBinding,
  withInMemoryScrolling,
  withPreloading,
} from '@angular/router';
import { ROUTES } from './routes.ts';
import { ScrollPlace } from './shell/scroll-place.ts';

export const appConfig: ApplicationConfig = {
  providers: [
    provideZonelessChangeDetection(),
    provideBrowserGlobalErrorListeners(),
    provideHttpClient(),
    provideEnvironmentInitializer(() => void inject(ScrollPlace)),
    // The charts need an animation renderer although nothing is animated; it is loaded with the first chart.
    provideAnimationsAsync('noop'),
    provideRouter(
      ROUTES,
      withComponentInputBinding(),
      // The other pages are small, and a record that is opened from the list should be there at once.
      withPreloading(PreloadAllModules),
      // Remembers the places; `ScrollPlace` decides which one the reader is at.
      withInMemoryScrolling({ scrollPositionRestoration: 'disabled', anchorScrolling: 'enabled' }),
    ),
  ],
};
