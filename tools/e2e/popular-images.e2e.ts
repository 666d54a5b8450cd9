import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import type { Browser, Page } from 'playwright-core';
import { DockerHub, type OfficialImage } from './docker-hub.ts';
import { openBrowser, startSystem, type RunningSystem } from './system.ts';

const WAIT_MS = 60_000;

/** Nobody asks for anything here: what is most pulled on Docker Hub is watched by itself, and the page says so. */
describe('popular images', () => {
  let registry: RunningRegistry;
  let hub: DockerHub;
  let system: RunningSystem;
  let browser: Browser;
  let page: Page;
  const images: OfficialImage[] = [];

  beforeAll(async () => {
    registry = await startRegistry();
    // The third is a tag that names one build for ever.
    await release('nginx', 900, 'latest', '1.27', 'c0ffee'.repeat(7).slice(0, 40));
    await release('redis', 800, '7');
    await release('seldom', 10, '0.1');
    hub = await DockerHub.start(registry, images);
    system = await startSystem({ env: environment('2') });
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await system?.remove();
    await hub?.stop();
    await registry?.stop();
  }, 60_000);

  it('are watched without anyone asking, with their digests and the reason', async () => {
    await shown('nginx:1.27', 'nginx:latest', 'redis:7');
    const why = 'added by itself: a popular image of Docker Hub';
    expect(await page.getByTestId('added-by-itself').first().getAttribute('title')).toBe(why);
    await page.getByRole('link', { name: 'docker.io/library/nginx:1.27' }).click();
    const digest = images[0]?.tags[1]?.digest;
    await page.locator(`[data-testid=current-digest][data-digest="${digest ?? ''}"]`).waitFor({ timeout: WAIT_MS });
    expect(await page.locator('dtm-facts').textContent()).toContain(why);
    const { total } = (await (await fetch(`${system.url}/api/v1/tags`)).json()) as { total: number };
    expect(total).toBe(3);
  });

  it('are looked up at once when more are wanted, and what is popular no more stays watched', async () => {
    await release('postgres', 5_000, '17');
    await release('memcached', 4_000, '1');
    await system.stop();
    const { dataDir, port } = system;
    system = await startSystem({ env: environment('3'), dataDir, port });
    await shown('postgres:17', 'memcached:1', 'redis:7');
    expect(await page.locator('[data-reference*=seldom]').count()).toBe(0);
    hub.verify();
  }, 120_000);

  /** Waits until the list shows them as watched. */
  async function shown(...names: string[]): Promise<void> {
    await page.goto(system.url);
    const row = (name: string): string => `[data-reference="docker.io/library/${name}"]:has([data-state=active])`;
    for (const deadline = Date.now() + WAIT_MS; ; await page.waitForTimeout(500)) {
      const there = await Promise.all(names.map((name) => page.locator(row(name)).count()));
      if (there.every((count) => count === 1)) return;
      if (Date.now() > deadline) throw new Error(`not watched within a minute: ${names.join(', ')}\n${system.log()}`);
      await page.reload();
    }
  }

  function environment(count: string): Record<string, string> {
    const fast = { SCRAPE_INTERVAL: '2s', MAX_REQUESTS_PER_SECOND: '200' };
    return { ...hub.env, ...fast, POPULAR_IMAGES_MAX_COUNT: count };
  }

  async function release(name: string, pulls: number, ...tags: string[]): Promise<void> {
    const pushed = [];
    for (const tag of tags) {
      const { digest, mediaType } = await registry.pushImage(`library/${name}`, tag, { content: `${name}:${tag}` });
      pushed.push({ name: tag, digest, mediaType, pushedAt: new Date().toISOString() });
    }
    images.push({ name, pulls, tags: pushed });
  }
});
