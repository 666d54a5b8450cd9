import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import type { Browser, Page } from 'playwright-core';
import { importHistory, type Imported } from './import-history.ts';
import { openBrowser, startSystem, type RunningSystem } from './system.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SCREENSHOTS = join(ROOT, 'screenshots');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
] as const;
const THEMES = ['light', 'dark'] as const;
/** What has the focus and no outline, of its own or of the row around it; empty where all is well. */
const UNSEEN_FOCUS = `(() => {
  const outlined = (element) => element && getComputedStyle(element).outlineStyle !== 'none';
  const focus = document.activeElement;
  return focus === document.body || outlined(focus) || outlined(focus.closest('tr')) ? '' : focus.outerHTML.slice(0, 200);
})()`;
/** How much moved by itself while the page was loaded: Cumulative Layout Shift. */
const COUNT_LAYOUT_SHIFTS = `
  window.layoutShift = 0;
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.layoutShift += value;
  }).observe({ type: 'layout-shift', buffered: true });`;
/** Of the scripts that the page itself names, as they came over the network: compressed. */
const SCRIPT_BYTES = `[...document.querySelectorAll('script[src], link[rel=modulepreload]')]
  .flatMap(({ src, href }) => performance.getEntriesByName(src ?? href))
  .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`;
/** What makes the page scroll sideways: whatever reaches beyond its right edge. */
const BESIDE_THE_PAGE = `document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.outerHTML.slice(0, 200))`;
const IMAGES = ['nginx', 'postgres', 'node', 'python', 'redis', 'alpine'];
const TAGS = ['latest', '1.27', '1.26', '1.27-alpine'];

/** Pages as people see them: what axe finds, what scrolls sideways, and pictures of each to look at. */
describe('every page, both widths, both themes', () => {
  let registry: RunningRegistry;
  let system: RunningSystem;
  let browser: Browser;
  const referenceOf = (image: string, tag: string): string => `${registry.host}/library/${image}:${tag}`;

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    registry = await startRegistry();
    system = await startSystem({
      env: { INSECURE_REGISTRIES: registry.host, SCRAPE_INTERVAL: '5s', POPULAR_IMAGES_MAX_COUNT: '0' },
    });
    browser = await openBrowser();
    await importYearOfHistory();
    for (const image of IMAGES) {
      for (const tag of TAGS) await registry.pushImage(`library/${image}`, tag, { content: `${image}${tag}` });
    }
    const references = IMAGES.flatMap((image) => TAGS.map((tag) => referenceOf(image, tag)));
    const response = await fetch(`${system.url}/api/v1/tags`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ references }),
    });
    expect(response.status).toBe(200);
    await waitForObservation(referenceOf('redis', '1.26'));
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await system?.remove();
    await registry?.stop();
  }, 60_000);

  /** What is done once the page is there, so that it shows the state that is looked at. */
  type Bring = (page: Page) => Promise<unknown>;
  const asIs: Bring = () => Promise.resolve();
  const nginx = (): string => `/details/${referenceOf('nginx', 'latest')}`;
  const search: Bring = async (page) => {
    await page.getByTestId('search').fill('nginx:1.2');
    await page.getByRole('option', { name: /1\.27-alpine/ }).waitFor();
    await page.keyboard.press('ArrowDown');
  };
  const openDialog: Bring = async (page) => {
    await page.getByTestId('add-open').click();
    await page.getByTestId('add-input').fill('UPPER:1');
    await page.locator('dialog .fault').waitFor();
  };
  const openMoreTags: Bring = async (page) => {
    await page.locator('dtm-more-tags summary').click();
    await page.getByTestId('more-tag').first().waitFor();
  };
  const goOffline: Bring = async (page) => {
    await page.locator('[data-status=live]').waitFor();
    await page.context().setOffline(true);
    await page.locator('[data-status=offline]').waitFor();
  };
  const askOffline: Bring = async (page) => {
    await goOffline(page);
    await page.locator('.chips').getByRole('link', { name: 'gone', exact: true }).click();
    await page.getByRole('alert').waitFor();
  };
  /** The tag as it is, but in a state that takes hours or years to come about. */
  const inState =
    (changes: object): Bring =>
    async (page) => {
      await page.route(/\/api\/v1\/tags\/.*latest$/, async (route) => {
        const tag = (await (await route.fetch()).json()) as object;
        await route.fulfill({ json: { ...tag, ...changes } });
      });
      await page.reload();
      await page.getByTestId('change-row').first().waitFor();
    };
  const pages: [name: string, path: () => string, ready: string, bring: Bring][] = [
    ['overview', () => '/', '[data-testid=tag-row]', asIs],
    ['overview-empty', () => '/?q=no/such-image', '[data-testid=watch]', asIs],
    ['overview-search', () => '/', '[data-testid=tag-row]', search],
    ['overview-dialog', () => '/', '[data-testid=tag-row]', openDialog],
    ['overview-error', () => '/', '[data-testid=tag-row]', askOffline],
    ['details', nginx, '[data-testid=change-row]', asIs],
    ['details-more-tags', nginx, 'dtm-more-tags', openMoreTags],
    ['details-offline', nginx, '[data-testid=change-row]', goOffline],
    ['details-gone', nginx, '[data-testid=change-row]', inState({ state: 'gone', digest: null })],
    ['details-unreachable', nginx, '[data-testid=change-row]', inState({ state: 'unreachable', failure: 'refused' })],
    ['details-expired', nginx, '[data-testid=change-row]', inState({ state: 'expired' })],
    [
      'details-pending',
      nginx,
      '[data-testid=change-row]',
      inState({ state: 'pending', digest: null, lastScannedAt: null }),
    ],
    ['details-imported', () => `/details/${referenceOf('imported', '1')}`, '[data-testid=watch]', asIs],
    ['details-unknown', () => `/details/${registry.host}/library/unknown:1`, '[data-testid=watch]', asIs],
    ['details-invalid', () => '/details/UPPER/case:1', '[role=alert]', asIs],
    ['status', () => '/status', 'dtm-scan-days-chart', asIs],
    ['not-found', () => '/nowhere', 'main h1', asIs],
  ];

  for (const viewport of WIDTHS) {
    it.each(pages)(`%s at ${viewport.width} px`, async (name, path, ready, bring) => {
      const context = await browser.newContext({ viewport, bypassCSP: true });
      await context.addInitScript(COUNT_LAYOUT_SHIFTS);
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(`${system.url}${path()}`);
      await page.locator(ready).first().waitFor();
      await page.waitForFunction("document.querySelector('.skeleton') === null");
      // Google calls 0.1 good; here nothing moves that can be seen to move.
      expect(await page.evaluate<number>('layoutShift')).toBeLessThan(0.02);
      const scriptBytes = await page.evaluate<number>(SCRIPT_BYTES);
      expect(scriptBytes).toBeGreaterThan(20_000);
      expect(scriptBytes).toBeLessThan(200_000);
      await bring(page);
      for (const theme of THEMES) {
        await page.emulateMedia({ colorScheme: theme });
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${viewport.width}-${theme}.png`) });
        expect(await violations(page)).toEqual([]);
      }
      expect(errors).toEqual([]);
      expect(
        await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth'),
      ).toBeLessThanOrEqual(0);
      // A page asks again whenever its repository is scanned: what is on its way now nobody waits for.
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await context.close();
    });
  }

  it.each([360, 768, 1920, 2560])('fits %d px, from a small phone to a wide screen', async (width) => {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    for (const [path, ready] of [
      ['/', '[data-testid=tag-row]'],
      [nginx(), '[data-testid=change-row]'],
      ['/status', 'dtm-scan-days-chart'],
    ] as const) {
      await page.goto(`${system.url}${path}`);
      await page.locator(ready).first().waitFor();
      expect(await page.evaluate<string[]>(BESIDE_THE_PAGE)).toEqual([]);
    }
    await page.close();
  });

  it('keeps still for who wants no motion', async () => {
    const page = await browser.newPage({ viewport: WIDTHS[0], bypassCSP: true });
    const moving = (): Promise<number> => page.evaluate<number>('document.getAnimations().length');
    // Nothing but waiting moves for long: the list never comes.
    await page.route(/\/api\/v1\/tags\?/, () => undefined);
    await page.goto(system.url);
    await page.locator('.skeleton').first().waitFor();
    expect(await moving()).toBeGreaterThan(0);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.reload();
    await page.locator('.skeleton').first().waitFor();
    await page.waitForFunction('document.getAnimations().length === 0', undefined, { timeout: 10_000 });
    await page.close();
  });

  it('is all there for the keyboard alone', async () => {
    const context = await browser.newContext({ viewport: WIDTHS[0] });
    await context.addInitScript("addEventListener('pointerdown', () => { throw new Error('a pointer was used'); })");
    const page = await context.newPage();
    const { keyboard } = page;
    const has = (selector: string): Promise<unknown> => page.locator(selector).first().waitFor();
    const focused = (): Promise<string> => page.evaluate<string>('document.activeElement.textContent.trim()');
    /** Tab, as often as it takes; wherever the focus is, it is seen. */
    const tabTo = async (selector: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> => {
      for (let stops = 0; stops < 120; stops++) {
        await keyboard.press(key);
        expect(await page.evaluate<string>(UNSEEN_FOCUS)).toBe('');
        if (await page.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
      }
      throw new Error(`Tab never came to ${selector}`);
    };

    await page.goto(system.url);
    await has('[data-testid=tag-row]');
    await keyboard.press('Tab');
    expect(await focused()).toBe('Skip to content');
    await keyboard.press('Enter');
    await has('main:focus');

    // The overview: sorted, filtered, paged, walked by arrows.
    await tabTo('dtm-sort-header button');
    await keyboard.press('Enter');
    await page.waitForURL(/sort=registry/);
    await tabTo('a.row-link');
    await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
    await has('[data-testid=current-digest]');
    await has('main:focus');
    await tabTo('nav a[href="/"]', 'Shift+Tab');
    await keyboard.press('Enter');
    await has('[data-testid=tag-row]');

    // The search: suggestions by arrows, Enter opens, Escape closes.
    await keyboard.press('/');
    await keyboard.type('nginx');
    await has('[role=option]');
    await keyboard.press('Escape');
    await page.locator('[role=listbox]').waitFor({ state: 'hidden' });
    await keyboard.press('ArrowDown');
    await has('[role=option][aria-selected=true]');
    await keyboard.press('Enter');
    await has('[data-testid=change-row]');

    // A record: copied, its charts read, another interval, more tags.
    await tabTo('dtm-answer dtm-copy-button button');
    await keyboard.press('Enter');
    await tabTo('dtm-change-calendar [role=slider]');
    await keyboard.press('ArrowLeft');
    await has('dtm-change-calendar .tip');
    await tabTo('dtm-change-calendar summary');
    await keyboard.press('Enter');
    await has('dtm-change-calendar details[open] tbody tr');
    await tabTo('.toggle a:not(.on)');
    await keyboard.press('Enter');
    await page.waitForURL(/interval=month/);
    await tabTo('dtm-more-tags summary');
    await keyboard.press('Enter');
    await has('[data-testid=more-tag]');
    await tabTo('[data-testid=more-filter]');

    // The dialog gives the focus back; theme and status.
    await tabTo('[data-testid=add-open]', 'Shift+Tab');
    await keyboard.press('Enter');
    await has('[data-testid=add-input]:focus');
    await keyboard.type('not a/reference!');
    await has('.fault');
    await keyboard.press('Escape');
    expect(await focused()).toContain('Watch a tag');
    await tabTo('button[aria-label^="Theme"]');
    await keyboard.press('Enter');
    await has(':root[data-theme=light]');
    await tabTo('nav a[href="/status"]', 'Shift+Tab');
    await keyboard.press('Enter');
    await has('dtm-scan-days-chart');
    await context.close();
  });

  it('shows imported and live history as one timeline', async () => {
    const response = await fetch(`${system.url}/api/v1/tags/${referenceOf('nginx', 'latest')}/changes?limit=100`);
    const { items } = (await response.json()) as {
      items: { kind: string; source: string; notBefore: string | null }[];
    };
    expect(items.at(-1)).toMatchObject({ kind: 'baseline', source: 'csv' });
    // The first live digest differs from the last imported one: a change, with the bound that the import gives.
    expect(items[0]).toMatchObject({ kind: 'change', source: 'head', notBefore: expect.any(String) });
    expect(items.slice(1, -1).every(({ kind, source }) => kind === 'change' && source === 'csv')).toBe(true);
  });

  async function importYearOfHistory(): Promise<void> {
    const history: Imported[] = [];
    for (const [i, image] of IMAGES.entries()) {
      for (const [t, tag] of TAGS.entries()) {
        const everyDays = 4 + 5 * i + 9 * t;
        for (let daysAgo = 360; daysAgo > 1; daysAgo -= everyDays + ((daysAgo * 7) % 5)) {
          history.push({ image: `${registry.host}/library/${image}`, tag, daysAgo });
        }
      }
    }
    // And one that nobody watches.
    history.push({ image: `${registry.host}/library/imported`, tag: '1', daysAgo: 400 });
    await importHistory(system, history);
  }

  async function waitForObservation(reference: string): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      const response = await fetch(`${system.url}/api/v1/tags/${reference}`);
      const tag = (await response.json()) as { lastScannedAt: string | null };
      if (tag.lastScannedAt !== null && tag.lastScannedAt !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`${reference} was not scanned`);
  }
});

async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.addScriptTag({ content: AXE });
  const found = await page.evaluate<{ id: string; targets: string[] }[]>(
    `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, targets: nodes.map(({ target }) => target.join(' ')) })))`,
  );
  return found.map(({ id, targets }) => `${id}: ${targets.join(', ')}`);
}
