import { type Routes, UrlSegment, type UrlMatchResult } from '@angular/router';

export const ROUTES: Routes = [
  {
    path: '',
    pathMatch: 'full',
    loadComponent: () => import('./overview/overview-page.ts').then((module) => module.OverviewPage),
  },
  {
    matcher: detailsOf,
    loadComponent: () => import('./details/details-page.ts').then((module) => module.DetailsPage),
  },
  {
    path: 'status',
    loadComponent: () => import('./status/status-page.ts').then((module) => module.StatusPage),
  },
  {
    path: '**',
    loadComponent: () => import('./not-found/not-found-page.ts').then((module) => module.NotFoundPage),
  },
];

/** `/details/` and a reference whose slashes and colons stay as they are. */
function detailsOf(segments: UrlSegment[]): UrlMatchResult | null {
  const [first, ...rest] = segments;
  if (first?.path !== 'details' || rest.length === 0) return null;
  const reference = rest.map((segment) => segment.path).join('/');
  return { consumed: segments, posParams: { reference: new UrlSegment(reference, {}) } };
}
