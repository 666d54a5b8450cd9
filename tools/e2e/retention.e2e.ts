import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import type { Browser, Page } from 'playwright-core';
import { importHistory } from './import-history.ts';
import { openBrowser, startSystem, type RunningSystem } from './system.ts';

const WAIT_MS = 60_000;

/** What the original deleted is left out here, or rests: nothing is lost, and a look brings it back. */
describe('the clean-up', () => {
  let registry: RunningRegistry;
  let system: RunningSystem;
  let browser: Browser;
  let page: Page;
  const image = (name: string): string => `${registry.host}/team/${name}`;
  const state = (is: string): string => `[data-testid=state][data-state=${is}]`;

  beforeAll(async () => {
    registry = await startRegistry();
    await registry.pushImage('team/app', '1.0');
    system = await startSystem({
      env: {
        INSECURE_REGISTRIES: registry.host,
        SCRAPE_INTERVAL: '2s',
        IMAGE_UPDATE_MAX_AGE: '30d',
        IMAGE_LAST_ACCESSED_MAX_AGE: '5s',
        IMAGE_LAST_VIEWED_UPDATE_THRESHOLD: '1s',
      },
    });
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await importHistory(system, [
      ...[70, 60, 50, 20, 10].map((daysAgo) => ({ image: image('app'), tag: '1.0', daysAgo })),
      ...[300, 200].map((daysAgo) => ({ image: image('old'), tag: '0.1', daysAgo })),
    ]);
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await system?.remove();
    await registry?.stop();
  }, 60_000);

  it('shows history no further back than asked for, the newest change always, and keeps all of it', async () => {
    await page.goto(`${system.url}/details/${image('old')}:0.1`);
    await page.getByTestId('change-row').first().waitFor({ timeout: WAIT_MS });
    expect(await page.getByTestId('change-row').count()).toBe(1);
    await page.goto(`${system.url}/details/${image('app')}:1.0`);
    await page.getByTestId('change-row').nth(1).waitFor({ timeout: WAIT_MS });
    expect(await page.getByTestId('change-row').count()).toBe(2);
    const kept = await (await fetch(`${system.url}/api/v1/export/changes.ndjson`)).text();
    expect(kept.trim().split('\n')).toHaveLength(7);
  });

  it('lets a tag rest that nobody looks at, keeps it readable, and a look revives it', async () => {
    const reference = `${image('app')}:1.0`;
    await page.goto(`${system.url}/details/${reference}`);
    await page.getByTestId('watch').click();
    await page.locator(state('active')).waitFor({ timeout: WAIT_MS });
    // A page that is open looks; the list does not.
    await page.goto(`${system.url}/?state=expired`);
    await expire(reference);
    await page.reload();
    const row = page.locator(`[data-reference="${reference}"]`);
    await row.locator(state('expired')).waitFor({ timeout: WAIT_MS });
    await row.getByRole('link').first().click();
    await page.getByTestId('change-row').nth(1).waitFor();
    await page.locator(state('active')).waitFor({ timeout: WAIT_MS });
    const { digest } = await registry.pushImage('team/app', '1.0', { content: 'after' });
    await page.locator(`[data-testid=current-digest][data-digest="${digest}"]`).waitFor({ timeout: WAIT_MS });
  }, 180_000);

  /** The scheduler looks once an hour, and when it starts. */
  async function expire(reference: string): Promise<void> {
    const query = new URLSearchParams({ state: 'expired', q: reference });
    for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline;) {
      await page.waitForTimeout(6_000);
      system.killOne('scheduler');
      await page.waitForTimeout(2_000);
      const found = (await (await fetch(`${system.url}/api/v1/tags?${query.toString()}`)).json()) as { total: number };
      if (found.total === 1) return;
    }
    throw new Error(`${reference} has not expired:\n${system.log()}`);
  }
});
