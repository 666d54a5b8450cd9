import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { DeferBlockBehavior, TestBed } from '@angular/core/testing';
import { Title } from '@angular/platform-browser';
import { provideRouter, Router, withComponentInputBinding } from '@angular/router';
import { RouterTestingHarness } from '@angular/router/testing';
import type { TagDetails } from '@dtm/api-contract';
import { EventStreams } from '../../testing/event-streams.ts';
import { change, changeMessage, details, DIGEST_A, DIGEST_B, onlyPage } from '../../testing/samples.ts';
import { ROUTES } from '../routes.ts';

const TAG = '/api/v1/tags/docker.io/library/nginx:1.27';

describe('the page of a tag', () => {
  let streams: EventStreams;
  let http: HttpTestingController;
  let harness: RouterTestingHarness;

  const page = (): HTMLElement => harness.routeNativeElement ?? document.body;
  const all = (testId: string): HTMLElement[] => [...page().querySelectorAll<HTMLElement>(`[data-testid=${testId}]`)];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setTimeout(resolve));
      harness.detectChanges();
    }
  };
  /** Answers whatever the page asks of this tag, as long as it asks. */
  const answer = async (tag: TagDetails, ...changes: ReturnType<typeof change>[]): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      http.match(TAG).forEach((request) => request.flush(tag));
      http.match(({ url }) => url === `${TAG}/changes`).forEach((request) => request.flush(onlyPage(...changes)));
      http
        .match(({ url }) => url === `${TAG}/frequency`)
        .forEach((request) => request.flush({ interval: 'week', buckets: [] }));
      await settle();
    }
  };

  beforeEach(async () => {
    streams = new EventStreams();
    TestBed.configureTestingModule({
      deferBlockBehavior: DeferBlockBehavior.Manual,
      providers: [
        provideHttpClient(),
        provideHttpClientTesting(),
        provideRouter(ROUTES, withComponentInputBinding()),
        streams.provider,
      ],
    });
    http = TestBed.inject(HttpTestingController);
    harness = await RouterTestingHarness.create();
  });
  afterEach(() => {
    // An open page goes on asking by itself, whenever its timers say so: what it asked last ends with it.
    harness.fixture.destroy();
    http.verify({ ignoreCancelled: true });
  });

  it('answers how often, since when, and what to pin', async () => {
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.27');
    await answer(
      details(),
      change(),
      change({ sequence: 1, kind: 'baseline', notBefore: null, previousDigest: null, digest: DIGEST_A }),
    );
    expect(page().querySelector('.sentence')?.textContent).toMatch(/^Rebuilt about every 6 days/);
    expect(all('current-digest')[0]?.dataset['digest']).toBe(DIGEST_A);
    expect(all('change-row').map((row) => row.dataset['kind'])).toEqual(['change', 'baseline']);
    expect(all('change-row')[0]?.textContent).toContain('between 10:02 and 12:01 UTC on 24 Nov');
    expect(TestBed.inject(Title).getTitle()).toBe('library/nginx:1.27 · Docker Tag Monitor');
    expect(streams.latest.url).toContain('reference=docker.io%2Flibrary%2Fnginx%3A1.27');
  });

  it('has one address: a shorthand becomes canonical', async () => {
    await harness.navigateByUrl('/details/nginx:1.27?page=2');
    await settle();
    await answer(details(), change());
    expect(TestBed.inject(Router).url).toBe('/details/docker.io/library/nginx:1.27?page=2');
  });

  it('leads from beyond the end of the changes to their last page', async () => {
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.27?page=99&interval=month');
    await settle();
    http.expectOne(TAG).flush(details());
    await settle();
    http
      .expectOne(({ url, params }) => url === `${TAG}/changes` && params.get('page') === '99')
      .flush({ items: [], total: 31, page: 99, pages: 3, next: null });
    await settle();
    expect(page().textContent).not.toContain('holds nothing');
    expect(TestBed.inject(Router).url).toBe('/details/docker.io/library/nginx:1.27?page=3&interval=month');
    await answer(details(), change());
    expect(all('change-row')).toHaveLength(1);
  });

  it('shows a change as it comes, and counts it', async () => {
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.27');
    await answer(details(), change({ sequence: 1, kind: 'baseline' }));
    streams.latest.open();
    streams.latest.send('change', changeMessage());
    await settle();
    expect(all('change-row')).toHaveLength(2);
    expect(all('change-row')[0]?.className).toContain('fresh');
    expect(all('current-digest')[0]?.dataset['digest']).toBe(DIGEST_B);
    streams.latest.send('change', { ...changeMessage({ sequence: 8 }), reference: 'docker.io/library/redis:7' });
    await settle();
    expect(all('change-row')).toHaveLength(2);
  });

  it('adds nothing for a look, but watches on demand and waits for the record', async () => {
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.27');
    await settle();
    http.expectOne(TAG).flush({ title: 'Nothing is known.' }, { status: 404, statusText: 'Not Found' });
    await settle();
    expect(page().textContent).toContain('Nobody watches this tag yet');
    all('watch')[0]?.click();
    await settle();
    http
      .expectOne({ method: 'POST', url: '/api/v1/tags' })
      .flush({ results: [{ reference: 'docker.io/library/nginx:1.27', outcome: 'tracked' }] });
    await settle();
    expect(all('watch-outcome')[0]?.dataset['outcome']).toBe('tracked');
    const pending = details({
      state: 'pending',
      digest: null,
      changeCount: 0,
      cadence: { ...details().cadence, watchedSince: null },
    });
    await answer(pending);
    expect(all('state')[0]?.dataset['state']).toBe('pending');
    expect(page().querySelector('.sentence')?.textContent).toContain('The first result is due');
  });

  it('tells why a first scan failed', async () => {
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.27');
    await answer(details({ state: 'pending', digest: null, changeCount: 0 }));
    streams.latest.open();
    streams.latest.send('scan', {
      registry: 'docker.io',
      repository: 'library/nginx',
      finishedAt: '2026-11-24T12:00:00Z',
      succeeded: false,
      changes: 0,
      error: 'the registry does not answer',
      failures: [],
    });
    await settle();
    expect(page().textContent).toContain(
      'The last scan failed: The registry does not answer. It is tried again by itself',
    );
  });

  it('claims no more than is known', async () => {
    const fact = (name: string): string | undefined =>
      [...page().querySelectorAll('dt')]
        .find((term) => term.textContent === name)
        ?.nextElementSibling?.textContent.trim();
    const young = new Date(Date.now() - 16_000).toISOString();
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.27');
    await answer(
      details({ state: 'unreachable', lastScannedAt: young, coverage: { since: young, recentGaps: [] } }),
      change(),
    );
    expect(fact('Gaps')).toMatch(/^none since \d+ \w+$/);
    expect(page().querySelector('.now .caption')?.textContent).toBe('Last known');
    await harness.navigateByUrl('/details/docker.io/library/nginx:1.28');
    await settle();
    const imported = details({ state: 'untracked', trackedSince: null, coverage: { since: null, recentGaps: [] } });
    http.match(`${TAG.slice(0, -1)}8`).forEach((request) => request.flush(imported));
    await settle();
    http.match(({ url }) => url.includes('1.28/')).forEach((request) => request.flush(onlyPage()));
    await settle();
    expect(fact('Gaps')).toBe('not watched here yet');
  });

  it('explains what is no reference, and asks nothing', async () => {
    await harness.navigateByUrl('/details/UPPER/case:1');
    await settle();
    expect(page().textContent).toContain('“UPPER/case:1” is not a reference');
    expect(page().textContent).toContain('capital letters');
    http.expectNone(() => true);
  });
});
