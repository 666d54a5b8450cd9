import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ListingStore, connectNats } from '@dtm/jetstream';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import type { Browser, Locator, Page } from 'playwright-core';
import { importHistory, type Imported } from './import-history.ts';
import { openBrowser, startSystem, type RunningSystem } from './system.ts';

const WAIT_MS = 60_000;
const TOKEN = 'the-token-of-the-tests';

/** A user of the original moves over: what it did is here, row by row, in a browser against the real system. */
describe('everything the original does', () => {
  let registry: RunningRegistry;
  let codeHost: Server;
  let system: RunningSystem;
  let browser: Browser;
  let page: Page;
  const of = (testId: string, within: Page | Locator = page): Locator => within.getByTestId(testId);
  const image = (name: string): string => `${registry.host}/team/${name}`;
  const open = (path: string): Promise<unknown> => page.goto(`${system.url}${path}`);
  const address = (): URL => new URL(page.url());

  beforeAll(async () => {
    registry = await startRegistry();
    codeHost = createServer((request, response) => {
      const known = request.url === '/api/v1/repos/owner/name';
      response.writeHead(known ? 200 : 500).end(known ? '{"stars_count": 1234}' : '');
    });
    await new Promise<void>((resolve) => codeHost.listen(0, '127.0.0.1', resolve));
    const codeAddress = codeHost.address();
    if (codeAddress === null || typeof codeAddress === 'string') throw new Error('no port');
    system = await startSystem({
      env: {
        INSECURE_REGISTRIES: registry.host,
        SCRAPE_INTERVAL: '2s',
        POPULAR_IMAGES_MAX_COUNT: '0',
        MAX_REQUESTS_PER_SECOND: '200',
        REFRESH_DIGEST_LAST_PUSHED_CUTOFF: '4s',
        ADMIN_TOKEN: TOKEN,
        SOURCE_URL: `http://127.0.0.1:${codeAddress.port}/owner/name`,
      },
    });
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    page = await context.newPage();
    await registry.pushImage('team/quiet', '1.0');
    await registry.pushImage('team/busy', 'latest', { platforms: ['linux/amd64', 'linux/arm64'] });
    await importHistory(system, [
      ...Array.from({ length: 40 }, (_, i): Imported => ({ image: image('busy'), tag: 'latest', daysAgo: 9 * i + 2 })),
      ...Array.from({ length: 12 }, (_, i): Imported => ({ image: image('old'), tag: `0.${i}`, daysAgo: 500 + i })),
    ]);
    await track(`${image('busy')}:latest`, `${image('quiet')}:1.0`);
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await system?.remove();
    await registry?.stop();
    codeHost?.close();
  }, 60_000);

  it('lists tags, most updated first, sorted and paged as the address says', async () => {
    await open('/?limit=12');
    await of('tag-row').nth(11).waitFor();
    expect(await references()).toHaveLength(12);
    expect((await references())[0]).toBe(`${image('busy')}:latest`);
    expect(await page.locator('dtm-sparkline svg').first().getAttribute('aria-label')).toMatch(/^Last 12 months: \d+/);
    await page.getByRole('link', { name: 'Last page' }).click();
    await page.waitForURL(/page=2/);
    await expectSoon(async () => (await references()).length === 2);
    await page.getByRole('link', { name: 'First page' }).click();
    for (const [name, parameter] of [
      ['tag', 'tag'],
      ['registry', 'registry'],
      ['repository', 'repository'],
      ['last change', 'lastChangedAt'],
      ['watched since', 'trackedSince'],
    ] as const) {
      await page.getByRole('button', { name: `Sort by ${name}`, exact: true }).click();
      await page.waitForURL(new RegExp(`sort=${parameter}`));
    }
    await page.locator('.foot select').selectOption('50');
    await expectSoon(async () => (await references()).length === 14);
    expect(address().searchParams.get('limit')).toBe('50');
    await page.reload();
    await of('tag-row').nth(13).waitFor();
  });

  it('finds parts of names with five suggestions, and says what is no reference', async () => {
    await open('/');
    await of('search').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('ld:0');
    await of('suggestion').nth(4).waitFor();
    expect(await page.locator('[role=option] mark').first().textContent()).toBe('ld');
    const options = await page.locator('#search-suggestions [role=option]').allTextContents();
    expect(options).toHaveLength(7);
    expect(options[5]).toContain('All 12');
    expect(options[6]).toContain('Watch docker.io/library/ld:0');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await expectSoon(async () => (await of('search').getAttribute('aria-activedescendant')) === 'search-suggestion-1');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/details\/.*\/team\/old:0\.\d+$/);
    await page.goBack();
    await of('search').fill('no such:!image');
    await of('search-fault').waitFor();
    expect(await of('search-fault').textContent()).toContain('Invalid format');
    await page.keyboard.press('Escape');
    await of('search-fault').waitFor({ state: 'hidden' });
    expect(await of('search').inputValue()).toBe('no such:!image');
  });

  it('offers to watch what is found nowhere, and says where there is no such tag', async () => {
    await of('search').fill(`${image('absent')}:1`);
    await of('watch').filter({ hasText: 'absent' }).waitFor();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await of('watch-outcome').waitFor();
    expect(await of('watch-outcome').getAttribute('data-outcome')).toBe('not-found');
  });

  it('adds nothing by a look, adds by one button, and shows the first result live', async () => {
    await registry.pushImage('team/fresh', '1.0');
    const reference = `${image('fresh')}:1.0`;
    await open(`/details/${reference}`);
    await of('watch').waitFor();
    expect((await fetch(`${system.url}/api/v1/tags/${reference}`)).status).toBe(404);
    expect(await page.locator('main').textContent()).toContain('first result is due in a few seconds');
    await of('watch').click();
    await of('current-digest').waitFor({ timeout: WAIT_MS });
    expect(await page.title()).toBe('team/fresh:1.0 · Docker Tag Monitor');
    await open('/details/team/UPPER:1.0');
    expect(await page.getByRole('alert').textContent()).toContain('is not a reference');
  });

  it('tells the facts: what to pin, since when, how often, and when it is asked next', async () => {
    await open(`/details/${image('busy')}:latest`);
    await of('current-digest').waitFor({ timeout: WAIT_MS });
    const digest = await of('current-digest').getAttribute('data-digest');
    await page.getByRole('button', { name: 'Copy docker pull by digest' }).click();
    await expectSoon(async () => (await clipboard()) === `docker pull ${image('busy')}@${digest ?? ''}`);
    await expectSoon(async () =>
      /Rebuilt about every 9 days; last .*; history since .*, imported; watched here since/.test(
        await text('.sentence'),
      ),
    );
    const facts = await text('dtm-facts');
    for (const fact of ['Registry', 'Repository', 'Platforms', 'Last push', 'Next scan', 'every 2 seconds', 'Gaps']) {
      expect(facts).toContain(fact);
    }
  });

  it('says of a quiet tag that it is scanned rarely, and why', async () => {
    await open(`/details/${image('quiet')}:1.0`);
    await of('current-digest').waitFor({ timeout: WAIT_MS });
    await registry.pushImage('team/quiet', '1.0', { content: 'two' });
    await of('change-row').nth(1).waitFor({ timeout: WAIT_MS });
    await expectSoon(async () => {
      await page.reload();
      await of('state').waitFor();
      return (await text('[data-testid=state]')) === 'scanned rarely';
    });
    expect((await of('state-meaning').textContent())?.trim()).toMatch(/^Scanned rarely, every \d+ \w+, as /);
  });

  it('draws changes per week and month and a year of days, for keyboard and screen reader too', async () => {
    await open(`/details/${image('busy')}:latest`);
    const weeks = page.getByRole('slider', { name: /^Changes per week/ });
    await weeks.focus();
    await page.keyboard.press('ArrowLeft');
    expect(await weeks.getAttribute('aria-valuetext')).toMatch(/^\w{3} \d+( \d{4})? – \w{3} \d+ \d{4}: \d+ changes?$/);
    await page.getByRole('link', { name: 'month' }).click();
    await page.waitForURL(/interval=month/);
    await page.getByRole('slider', { name: /^Changes per month/ }).waitFor();
    await page.locator('dtm-frequency-chart summary').click();
    expect(await page.locator('dtm-frequency-chart tbody tr').count()).toBeGreaterThanOrEqual(12);
    const year = page.getByRole('slider', { name: /^Changes per day/ });
    await year.focus();
    await page.keyboard.press('Home');
    await expectSoon(async () =>
      /: (no change|not watched|1 change)$/.test((await year.getAttribute('aria-valuetext')) ?? ''),
    );
  });

  it('lists digests, 12 a page, with the bounds between which each change happened', async () => {
    await open(`/details/${image('busy')}:latest`);
    await of('change-row').nth(11).waitFor();
    expect(await of('change-row').count()).toBe(12);
    expect(await of('change-row').nth(3).textContent()).toMatch(/between .* and .* UTC on .*seen .*by import of csv/);
    await of('change-row')
      .nth(3)
      .getByRole('button', { name: /^Copy repository@digest/ })
      .click();
    await expectSoon(async () => (await clipboard()).startsWith(`${image('busy')}@sha256:`));
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.waitForURL(/page=2/);
  });

  it('watches more tags: newest first, filtered, all ticked, each result as it comes', async () => {
    const tags = [...Array.from({ length: 60 }, (_, i) => `1.${i}`), '5.0.9', '5.0.10', '5.1.0', 'latest'];
    for (const tag of tags) await registry.pushImage('team/many', tag, { content: 'one' });
    await track(`${image('many')}:1.5`, `${image('many')}:5.1.0`);
    await open(`/details/${image('many')}:1.5`);
    await page.locator('dtm-more-tags summary').click();
    await of('more-tag').nth(49).waitFor({ timeout: WAIT_MS });
    expect(await of('more-tag').count()).toBe(50);
    expect(await of('more-rest').textContent()).toContain('And 13 more');
    const shown = await of('more-tag').evaluateAll((items) => items.map((item) => item.getAttribute('data-tag')));
    expect(shown.filter((tag) => tag?.startsWith('5'))).toEqual(['5.1.0', '5.0.10', '5.0.9']);
    expect(shown).not.toContain('1.5');
    await of('more-filter').fill('5.*');
    await expectSoon(async () => (await of('more-tag').count()) === 3);
    expect(await page.locator('[data-tag="5.1.0"] input:disabled').getAttribute('title')).toBe('Watched already');
    await expectSoon(async () => (await of('more-watch').textContent())?.includes('Watch 2 tags') === true);
    await of('more-all').uncheck();
    await expectSoon(() => of('more-watch').isDisabled());
    await of('more-all').check();
    await of('more-watch').click();
    await expectSoon(async () => (await text('[data-testid=more-summary]')) === '2 watched now.');
    expect(await page.locator('[data-tag="5.0.10"] [data-outcome=tracked]').count()).toBe(1);
  });

  it('watches a new tag of a watched repository by itself, and says why', async () => {
    const name = { registry: registry.host, repository: 'team/fresh' };
    const nc = await connectNats({ url: system.natsUrl, name: 'test' });
    const listings = await ListingStore.open(nc);
    await expectSoon(async () => (await listings.readHead(name)).hasTags);
    await registry.skopeoCopy('team/fresh', '1.1');
    await open('/?q=team/fresh');
    await expectSoon(async () => (await references()).length === 1);
    // The list of a plain registry is asked for once an hour. The hour passes, and a fetcher begins that knows of no pause.
    await listings.postpone(name, await listings.readHead(name), new Date());
    await nc.drain();
    system.killOne('registry-fetcher');
    await scanNow(`${image('fresh')}:1.0`);
    await of('new-changes').getByRole('button').click({ timeout: WAIT_MS });
    await expectSoon(async () => (await references()).includes(`${image('fresh')}:1.1`));
    const why = 'added by itself: a new tag of a watched repository';
    expect(await of('added-by-itself').getAttribute('title')).toBe(why);
    await page.getByRole('link', { name: `${image('fresh')}:1.1` }).click();
    await of('watched-since').waitFor();
    expect(await text('dtm-facts')).toContain(why);
  });

  it('reports on itself: scans and durations of 50 days, each registry, the lag', async () => {
    await open('/status');
    await page.getByRole('slider', { name: /^Scans per day/ }).waitFor();
    await page.getByRole('slider', { name: /^Average duration/ }).waitFor();
    expect(await page.locator('dtm-scan-days-chart tbody tr').count()).toBe(50);
    const row = page.getByRole('row').filter({ hasText: registry.host });
    expect(await row.textContent()).toMatch(/200.*(asked as planned|requests failed lately)/);
    expect(await text('.projection')).toMatch(/everything that is recorded|behind the record/);
  });

  it('keeps the record of what is no longer watched, and watches it again', async () => {
    const reference = `${image('busy')}:latest`;
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await fetch(`${system.url}/api/v1/tags/${reference}`, { method: 'DELETE', headers })).status).toBe(204);
    await open(`/details/${reference}`);
    await page.locator('[data-testid=state][data-state=untracked]').waitFor({ timeout: WAIT_MS });
    await of('change-row').nth(11).waitFor();
    await of('watch').click();
    await page.locator('[data-testid=state][data-state=active]').waitFor({ timeout: WAIT_MS });
  });

  it('remembers a theme, and leads to its source and its stars', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await open('/');
    await expectSoon(async () => (await text('[data-testid=stars]')).includes('1,234'));
    expect(await text('[data-testid=version]')).toMatch(/^Version \d+\.\d+\.\d+/);
    const ground = (): Promise<string> => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const dark = await ground();
    await page.getByRole('button', { name: /^Theme: as the system/ }).click();
    await expectSoon(async () => (await ground()) !== dark);
    await page.reload();
    expect(await ground()).not.toBe(dark);
  });

  it('tells crawlers and previews what each page is about', async () => {
    const read = async (path: string): Promise<string> => (await fetch(`${system.url}${path}`)).text();
    const sitemap = /Sitemap: (\S+)/.exec(await read('/robots.txt'))?.[1] ?? '';
    expect(await read(new URL(sitemap).pathname)).toContain(`${system.url}/sitemap-1.xml`);
    expect(await read('/sitemap-1.xml')).toContain(`<loc>${system.url}/details/${image('busy')}:latest</loc>`);
    const html = await read(`/details/${image('busy')}:latest`);
    expect(html).toContain('<title>team/busy:latest · Docker Tag Monitor</title>');
    expect(html).toMatch(/property="og:description" content="Rebuilt about every 9 days; /);
  });

  it('says that it is offline or cut off, and heals by itself', async () => {
    await open(`/details/${image('busy')}:latest`);
    const status = (is: string): Promise<void> =>
      page.locator(`[data-testid=live-status][data-status=${is}]`).waitFor({ timeout: WAIT_MS });
    await status('live');
    await page.context().setOffline(true);
    await status('offline');
    await page.context().setOffline(false);
    await status('live');
    system.killOne('api');
    await status('lost');
    await status('live');
    const pushed = await registry.pushImage('team/busy', 'latest', { content: 'after' });
    await page.locator(`[data-testid=current-digest][data-digest="${pushed.digest}"]`).waitFor({ timeout: WAIT_MS });
  });

  async function track(...wanted: string[]): Promise<void> {
    const response = await fetch(`${system.url}/api/v1/tags`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ references: wanted }),
    });
    const { results } = (await response.json()) as { results: { outcome: string }[] };
    expect(results.map(({ outcome }) => outcome)).toEqual(wanted.map(() => 'tracked'));
  }

  async function scanNow(reference: string): Promise<void> {
    const body = JSON.stringify({ reference });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${system.url}/api/v1/scans`, { method: 'POST', headers, body })).status).toBe(202);
  }

  async function references(): Promise<(string | null)[]> {
    return of('tag-row').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-reference')));
  }

  async function text(selector: string): Promise<string> {
    return ((await page.locator(selector).first().textContent()) ?? '').replace(/\s+/g, ' ').trim();
  }

  function clipboard(): Promise<string> {
    return page.evaluate<string>('navigator.clipboard.readText()');
  }

  async function expectSoon(holds: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + WAIT_MS; !(await holds());) {
      if (Date.now() > deadline) throw new Error(`not within 60 s: ${holds.toString()}`);
      await page.waitForTimeout(100);
    }
  }
});
