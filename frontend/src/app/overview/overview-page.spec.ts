import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting, type TestRequest } from '@angular/common/http/testing';
import { TestBed } from '@angular/core/testing';
import { provideRouter, Router, withComponentInputBinding } from '@angular/router';
import { RouterTestingHarness } from '@angular/router/testing';
import { EventStreams } from '../../testing/event-streams.ts';
import { changeMessage, onlyPage, summary } from '../../testing/samples.ts';
import { OverviewPage } from './overview-page.ts';

describe('the overview', () => {
  let streams: EventStreams;
  let http: HttpTestingController;
  let harness: RouterTestingHarness;

  const page = (): HTMLElement => harness.routeNativeElement ?? document.body;
  const all = (testId: string): HTMLElement[] => [...page().querySelectorAll<HTMLElement>(`[data-testid=${testId}]`)];
  const lists = (): TestRequest[] => http.match(({ url, method }) => url === '/api/v1/tags' && method === 'GET');
  const settle = async (): Promise<void> => {
    await Promise.resolve();
    harness.detectChanges();
    await new Promise((resolve) => setTimeout(resolve));
    harness.detectChanges();
  };
  const open = async (url: string): Promise<void> => {
    await harness.navigateByUrl(url);
    await settle();
  };

  beforeEach(async () => {
    streams = new EventStreams();
    TestBed.configureTestingModule({
      providers: [
        provideHttpClient(),
        provideHttpClientTesting(),
        provideRouter(
          [
            { path: '', component: OverviewPage },
            { path: '**', children: [] },
          ],
          withComponentInputBinding(),
        ),
        streams.provider,
      ],
    });
    http = TestBed.inject(HttpTestingController);
    harness = await RouterTestingHarness.create();
  });
  afterEach(() => {
    jest.restoreAllMocks();
    http.verify();
  });

  it('asks for what the address says, and shows a skeleton until it is there', async () => {
    await open('/?state=gone&sort=tag&page=2');
    const [list] = lists();
    expect(list?.request.params.toString()).toBe('sort=tag&order=asc&page=2&limit=25&state=gone');
    expect(page().querySelectorAll('.skeleton-row')).toHaveLength(25);
    list?.flush(onlyPage(summary()));
    await settle();
    expect(page().querySelectorAll('.skeleton-row')).toHaveLength(0);
    expect(all('tag-row')[0]?.textContent).toContain('1.27');
    expect(all('state')[0]?.dataset['state']).toBe('active');
    expect(page().querySelector('a.row-link')?.getAttribute('href')).toBe('/details/docker.io/library/nginx:1.27');
  });

  it('says what to do while nothing is watched', async () => {
    await open('/');
    lists()[0]?.flush(onlyPage());
    await settle();
    expect(page().textContent).toContain('Nothing is watched yet');
  });

  it('leads from beyond the end to the last page, and claims nothing on the way', async () => {
    await open('/?page=9999&limit=7');
    lists()[0]?.flush({ items: [], total: 20, page: 9_999, pages: 3, next: null });
    await settle();
    expect(page().textContent).not.toContain('Nothing is watched yet');
    expect(TestBed.inject(Router).url).toBe('/?page=3&limit=7');
    lists()[0]?.flush({ ...onlyPage(summary()), total: 20, page: 3, pages: 3 });
    await settle();
    expect(all('tag-row')).toHaveLength(1);
    expect(page().querySelector('dtm-pager')?.textContent).toContain('3 of 3');
    expect(page().querySelector<HTMLSelectElement>('.foot select')?.value).toBe('7');
  });

  it('takes the last of a repeated parameter', async () => {
    await open('/?q=nginx&q=redis');
    expect(lists().map(({ request }) => request.params.get('q'))).toContain('redis');
  });

  it('offers to watch what is not watched, and tells what became of it', async () => {
    await open('/?q=nginx:1.28');
    for (const list of lists()) list.flush(onlyPage());
    await settle();
    const [watch] = all('watch');
    expect(watch).toBeDefined();
    watch?.click();
    await settle();
    const post = http.expectOne({ method: 'POST', url: '/api/v1/tags' });
    expect(post.request.body).toEqual({ references: ['docker.io/library/nginx:1.28'] });
    post.flush({
      results: [{ reference: 'docker.io/library/nginx:1.28', outcome: 'not-found', reason: 'no such tag' }],
    });
    await settle();
    expect(all('watch-outcome')[0]?.textContent).toContain('was not found');
    expect(all('watch-outcome')[0]?.textContent).toContain('No such tag.');
  });

  it('asks nothing about what no reference can hold, and says so', async () => {
    await open('/?q=n%C3%A4he');
    expect(lists()).toHaveLength(0);
    expect(page().textContent).toContain('Invalid format: ');
    expect(page().querySelectorAll('.skeleton-row')).toHaveLength(0);
  });

  const search = async (text: string): Promise<void> => {
    const field = page().querySelector<HTMLInputElement>('[data-testid=search]');
    if (field === null) throw new Error('no search');
    field.value = text;
    field.dispatchEvent(new Event('input'));
    field.form?.dispatchEvent(new Event('submit'));
    await settle();
    await settle();
  };

  it('opens what was pasted, Enter at once, as soon as it is found', async () => {
    await open('/');
    lists()[0]?.flush(onlyPage(summary({ reference: 'docker.io/library/redis:7', repository: 'library/redis' })));
    await settle();
    const navigate = jest.spyOn(TestBed.inject(Router), 'navigate');
    await search('docker pull nginx:1.27');
    expect(TestBed.inject(Router).url).toBe('/?q=nginx:1.27');
    expect(page().querySelector<HTMLInputElement>('[data-testid=search]')?.value).toBe('nginx:1.27');
    expect(navigate).toHaveBeenCalledTimes(1);
    for (const list of lists()) list.flush(onlyPage(summary()));
    await settle();
    expect(navigate).toHaveBeenLastCalledWith(['/details', 'docker.io', 'library', 'nginx:1.27']);
  });

  it('forgets the wish once something else is typed', async () => {
    await open('/');
    lists()[0]?.flush(onlyPage(summary()));
    await settle();
    await search('nginx:1.27');
    lists();
    const field = page().querySelector<HTMLInputElement>('[data-testid=search]');
    if (field !== null) field.value = 'nginx';
    field?.dispatchEvent(new Event('input'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await settle();
    const navigate = jest.spyOn(TestBed.inject(Router), 'navigate');
    for (const list of lists().filter(({ cancelled }) => !cancelled)) list.flush(onlyPage(summary()));
    await settle();
    expect(navigate).not.toHaveBeenCalled();
  });

  it('offers to watch a reference that is too long to be searched for, and asks nothing', async () => {
    const long = `quay.io/${'a'.repeat(250)}:${'1'.repeat(100)}`;
    await open(`/?q=${long}`);
    expect(lists()).toHaveLength(0);
    expect(page().textContent).toContain('too long to be searched for');
    expect(all('watch')).toHaveLength(1);
  });

  it('offers nothing for a tag that is watched', async () => {
    await open('/?q=nginx:1.27');
    for (const list of lists()) list.flush(onlyPage(summary()));
    await settle();
    expect(all('watch')).toHaveLength(0);
  });

  it('suggests first what is named, and offers beside other hits no more than a suggestion', async () => {
    const popular = summary({ reference: 'docker.io/acme/nginx:1.27', repository: 'acme/nginx', changeCount: 900 });
    const answer = (sought: string, named: ReturnType<typeof summary>[]): void => {
      for (const list of lists()) {
        const known = list.request.params.get('q') === sought && list.request.params.get('sort') === 'tag';
        list.flush(onlyPage(...(known ? named : [popular, ...named])));
      }
    };
    await open('/?q=nginx:1.27');
    answer('docker.io/library/nginx:1.27', [summary()]);
    await settle();
    page().querySelector<HTMLElement>('[data-testid=search]')?.click();
    await settle();
    const names = all('suggestion').map((hit) => hit.querySelector('.reference')?.textContent.replace(/\s/g, ''));
    expect(names).toEqual(['docker.io/library/nginx:1.27', 'docker.io/acme/nginx:1.27']);
    await open('/?q=nginx:1.28');
    answer('docker.io/library/nginx:1.28', []);
    await settle();
    expect(page().querySelectorAll('dtm-watch-offer button')).toHaveLength(0);
    page().querySelector<HTMLElement>('[data-testid=search]')?.click();
    await settle();
    expect(all('watch').map((offer) => offer.textContent)).toEqual([expect.stringContaining('nginx:1.28')]);
  });

  it('brings rows up to date live, counts the news, and reads anew on demand', async () => {
    await open('/');
    lists()[0]?.flush(onlyPage(summary({ reference: 'docker.io/library/redis:7', tag: '7' }), summary()));
    await settle();
    streams.latest.open();
    streams.latest.send('change', changeMessage());
    await settle();
    expect(all('new-changes')[0]?.textContent).toContain('1 new change');
    expect(all('tag-row').map((row) => row.dataset['reference'])).toEqual([
      'docker.io/library/redis:7',
      summary().reference,
    ]);
    expect(all('tag-row')[1]?.querySelector('.col-changes')?.textContent).toContain('32');
    all('new-changes')[0]?.querySelector('button')?.click();
    await settle();
    lists()[0]?.flush(onlyPage(summary({ changeCount: 32 })));
    await settle();
    expect(all('new-changes')).toHaveLength(0);
    expect(document.activeElement?.className).toContain('row-link');
  });

  it('shows a problem with its next step, and keeps the rows it had', async () => {
    await open('/');
    lists()[0]?.flush(onlyPage(summary()));
    await settle();
    streams.latest.open();
    streams.latest.break();
    streams.latest.open();
    await settle();
    lists()[0]?.flush({ title: 'The record is being restarted.' }, { status: 503, statusText: 'x' });
    await settle();
    expect(page().querySelector('[role=alert]')?.textContent).toContain('The record is being restarted.');
    expect(all('tag-row')).toHaveLength(1);
  });

  it('asks again by itself for what the server will get over', async () => {
    jest.useFakeTimers({ doNotFake: ['setTimeout', 'queueMicrotask'] });
    try {
      await open('/');
      lists()[0]?.flush({ title: 'Restarting.' }, { status: 503, statusText: 'Service Unavailable' });
      await settle();
      expect(page().textContent).toContain('Restarting.');
      jest.advanceTimersByTime(10_000);
      await settle();
      lists()[0]?.flush(onlyPage(summary()));
      await settle();
      expect(all('tag-row')).toHaveLength(1);
      expect(page().textContent).not.toContain('Restarting.');
    } finally {
      jest.useRealTimers();
    }
  });

  it('writes a choice of column into the address', async () => {
    await open('/');
    lists()[0]?.flush(onlyPage(summary()));
    await settle();
    page().querySelector<HTMLElement>('[aria-label="Sort by last change"]')?.click();
    await settle();
    expect(TestBed.inject(Router).url).toBe('/?sort=lastChangedAt');
    expect(lists()).toHaveLength(1);
  });
});
