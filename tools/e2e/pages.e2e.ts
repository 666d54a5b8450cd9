import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, startSystem, type RunningSystem } from './system.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SCREENSHOTS = join(ROOT, 'screenshots');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
] as const;
const THEMES = ['light', 'dark'] as const;
const DAY_MS = 86_400_000;
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

  const pages: [name: string, path: () => string, ready: string][] = [
    ['overview', () => '/', '[data-testid=tag-row]'],
    ['overview-empty', () => '/?q=no/such-image', '[data-testid=watch], .empty, main'],
    ['details', () => `/details/${referenceOf('nginx', 'latest')}`, '[data-testid=change-row]'],
    ['details-unknown', () => `/details/${registry.host}/library/unknown:1`, '[data-testid=watch]'],
    ['status', () => '/status', 'main h1'],
    ['not-found', () => '/nowhere', 'main h1'],
  ];

  for (const theme of THEMES) {
    for (const viewport of WIDTHS) {
      it.each(pages)(`%s at ${viewport.width} px, ${theme}`, async (name, path, ready) => {
        const context = await browser.newContext({ viewport, colorScheme: theme, bypassCSP: true });
        const page = await context.newPage();
        const errors: string[] = [];
        page.on('pageerror', (error) => errors.push(error.message));
        await page.goto(`${system.url}${path()}`);
        await page.locator(ready).first().waitFor();
        await page.waitForLoadState('networkidle').catch(() => undefined);
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${viewport.width}-${theme}.png`) });
        expect(errors).toEqual([]);
        expect(
          await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth'),
        ).toBeLessThanOrEqual(0);
        expect(await violations(page)).toEqual([]);
        await context.close();
      });
    }
  }

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
    const rows = ['image,tag,digest,observed_at'];
    for (const [i, image] of IMAGES.entries()) {
      for (const [t, tag] of TAGS.entries()) {
        const everyDays = 4 + 5 * i + 9 * t;
        for (let day = 360; day > 1; day -= everyDays + ((day * 7) % 5)) {
          const digest = createHash('sha256').update(`${image}${tag}${day}`).digest('hex');
          const at = new Date(Date.now() - day * DAY_MS).toISOString();
          rows.push(`${registry.host}/library/${image},${tag},sha256:${digest},${at}`);
        }
      }
    }
    const file = join(system.dataDir, 'history.csv');
    writeFileSync(file, rows.join('\n'));
    const script = join(ROOT, 'tools', 'import', 'import.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--from', 'csv', '--file', file], {
      cwd: ROOT,
      env: { ...process.env, NATS_URL: system.natsUrl },
    });
    expect(stdout).toContain(`${rows.length - 1} imported`);
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
  await page.addScriptTag({ content: AXE });
  const found = await page.evaluate<{ id: string; targets: string[] }[]>(
    `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, targets: nodes.map(({ target }) => target.join(' ')) })))`,
  );
  return found.map(({ id, targets }) => `${id}: ${targets.join(', ')}`);
}
