import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, startSystem, type RunningSystem } from './system.ts';

const WAIT_MS = 60_000;

/** Built long before it is pushed, as images often are that somebody copies. */
const V1 = { content: 'v1', platforms: ['linux/arm/v7', 'linux/amd64'], created: '2024-01-01T00:00:00Z' };

interface HistoryMessage {
  type: string;
  id: string;
  subject: string;
  data: {
    digest: string;
    observedAt: string;
    previous: { digest: string; lastSeenAt: string; sequence: number; hash: string } | null;
  };
}

interface Received {
  sequence: number;
  bytes: Uint8Array;
  event: HistoryMessage;
}

describe('a tag is watched, from registry to screen', () => {
  let registry: RunningRegistry;
  let system: RunningSystem;
  let browser: Browser;
  let page: Page;
  let nats: NatsConnection;
  let reference: string;
  const pageErrors: string[] = [];

  beforeAll(async () => {
    registry = await startRegistry();
    reference = `${registry.host}/team/app:1.0`;
    system = await startSystem({
      env: { INSECURE_REGISTRIES: registry.host, SCRAPE_INTERVAL: '2s', POPULAR_IMAGES_MAX_COUNT: '0' },
    });
    browser = await openBrowser();
    page = await browser.newPage();
    page.on('pageerror', (error) => pageErrors.push(error.message));
    nats = await connect({ servers: system.natsUrl });
  }, 300_000);

  afterAll(async () => {
    await nats?.close();
    await browser?.close();
    await system?.remove();
    await registry?.stop();
  }, 60_000);

  it('tells of a tag that does not exist', async () => {
    const answer = await track(system.url, reference);
    expect(answer).toEqual({ reference, outcome: 'not-found', reason: expect.any(String) });
  });

  it('is added in the browser and shows its baseline without a reload', async () => {
    const v1 = await registry.skopeoCopy('team/app', '1.0', V1);
    await page.goto(system.url);
    await page.getByTestId('search').fill(reference);
    await page.getByTestId('watch').first().click();
    await page.getByTestId('watch-outcome').first().waitFor({ timeout: WAIT_MS });
    await page.goto(`${system.url}/details/${reference}`);
    await page.locator(`[data-testid=current-digest][data-digest="${v1.digest}"]`).waitFor({ timeout: WAIT_MS });
    await changeRows(1);
    expect(await page.locator('[data-testid=change-row]').first().getAttribute('data-kind')).toBe('baseline');
  });

  it('says what the image is: its platforms, and when it was built', async () => {
    let details = await tagDetails();
    while (details.platforms.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      details = await tagDetails();
    }
    expect(details).toMatchObject({
      platforms: ['linux/arm/v7', 'linux/amd64'],
      lastPushedAt: { at: '2024-01-01T00:00:00.000Z', source: 'image' },
    });
  });

  it('records each push as exactly one change, with bounds that bracket it, and shows it on the open page', async () => {
    await page.evaluate(() => Object.assign(globalThis, { neverReloaded: true }));
    const [v1] = await changes();
    const pushes = [{ content: 'v2' }, V1];
    for (const [index, image] of pushes.entries()) {
      const before = (await changes())[0];
      const pushedAfter = new Date();
      const pushed = await registry.skopeoCopy('team/app', '1.0', image);
      const pushedBefore = new Date();
      await page.locator(`[data-testid=current-digest][data-digest="${pushed.digest}"]`).waitFor({ timeout: WAIT_MS });
      await changeRows(index + 2);
      const [newest] = await changes();
      expect(newest).toMatchObject({ kind: 'change', digest: pushed.digest, previousDigest: before?.digest });
      expect(new Date(newest?.notBefore ?? NaN).getTime()).toBeLessThanOrEqual(pushedBefore.getTime());
      expect(new Date(newest?.observedAt ?? NaN).getTime()).toBeGreaterThanOrEqual(pushedAfter.getTime());
    }
    const all = await changes();
    expect(all.map(({ kind }) => kind)).toEqual(['change', 'change', 'baseline']);
    expect(all[0]?.digest).toBe(v1?.digest);
    expect(await page.evaluate(() => 'neverReloaded' in globalThis)).toBe(true);
    expect(pageErrors).toEqual([]);
  });

  it('lets an outside system read the same events, linked by hashes', async () => {
    const received = await readHistory(3);
    const all = (await changes()).reverse();
    expect(received.map(({ sequence }) => sequence)).toEqual(all.map(({ sequence }) => sequence));
    expect(received.map(({ event }) => event.data.digest)).toEqual(all.map(({ digest }) => digest));
    for (const [index, { event }] of received.entries()) {
      const before = received[index - 1];
      expect(event.subject).toBe(reference);
      expect(event.id).toBe(`${reference}@${before?.sequence ?? 0}`);
      expect(event.data.previous?.hash).toBe(before === undefined ? undefined : sha256(before.bytes));
    }
  });

  it('keeps history through a 404 and tells of the disappearance and the return', async () => {
    const [newest] = await changes();
    await registry.deleteManifest('team/app', newest?.digest ?? '');
    await changeRows(4);
    expect(await page.getByTestId('state').first().getAttribute('data-state')).toBe('gone');
    await registry.skopeoCopy('team/app', '1.0', V1);
    await changeRows(5);
    const kinds = (await changes()).map(({ kind }) => kind);
    expect(kinds).toEqual(['return', 'disappearance', 'change', 'change', 'baseline']);
    expect((await tagDetails()).changeCount).toBe(2);
  });

  it('goes on after everything was killed', async () => {
    await system.killAll();
    system = await system.startAgain();
    expect(await changes()).toHaveLength(5);
    const v3 = await registry.skopeoCopy('team/app', '1.0', { content: 'v3' });
    await page.locator(`[data-testid=current-digest][data-digest="${v3.digest}"]`).waitFor({ timeout: WAIT_MS });
    expect((await changes()).map(({ kind }) => kind)[0]).toBe('change');
  });

  it('stops cleanly and leaves nothing running', async () => {
    expect(await system.stop()).toBe(0);
    await expect(fetch(`${system.url}/healthz`)).rejects.toThrow();
  });

  async function changeRows(count: number): Promise<void> {
    const rows = page.getByTestId('change-row');
    await rows.nth(count - 1).waitFor({ timeout: WAIT_MS });
    expect(await rows.count()).toBe(count);
  }

  async function changes(): Promise<
    { sequence: number; kind: string; digest: string; previousDigest: string; notBefore: string; observedAt: string }[]
  > {
    const response = await fetch(`${system.url}/api/v1/tags/${reference}/changes`);
    expect(response.status).toBe(200);
    return ((await response.json()) as { items: never[] }).items;
  }

  async function tagDetails(): Promise<{ changeCount: number; platforms: string[]; lastPushedAt: object | null }> {
    return (await (await fetch(`${system.url}/api/v1/tags/${reference}`)).json()) as never;
  }

  async function readHistory(count: number): Promise<Received[]> {
    const jsm = await jetstreamManager(nats);
    await jsm.consumers.add('HISTORY', {
      durable_name: 'outside',
      ack_policy: AckPolicy.Explicit,
      filter_subject: 'history.>',
    });
    const consumer = await jetstream(nats).consumers.get('HISTORY', 'outside');
    const received: Received[] = [];
    const messages = await consumer.fetch({ max_messages: count, expires: 5_000 });
    for await (const message of messages) {
      expect(message.headers?.get('content-type')).toBe('application/cloudevents+json');
      received.push({ sequence: message.seq, bytes: message.data, event: message.json<HistoryMessage>() });
      message.ack();
    }
    expect(received).toHaveLength(count);
    return received;
  }
});

async function track(url: string, reference: string): Promise<unknown> {
  const response = await fetch(`${url}/api/v1/tags`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ references: [reference] }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { results: unknown[] }).results[0];
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
