import { EVENT_TYPES } from '@dtm/events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { digestsOf, FetcherUnderTest, historyOf, stateOf } from '../testing/fetcher-under-test.ts';
import { digestOf, ScriptedTags } from '../testing/scripted-tags.ts';

const HOUR = 3_600_000;

describe('a tag that is no longer there', () => {
  let nats: RunningNats;
  let registry: RunningRegistry;
  let scripted: ScriptedTags;
  let fetcher: FetcherUnderTest;
  beforeAll(async () => {
    [nats, registry] = await Promise.all([startNats(), startRegistry()]);
    fetcher = await FetcherUnderTest.start(nats.url);
  });
  beforeEach(async () => void (scripted = await ScriptedTags.start()));
  afterEach(async () => {
    fetcher.ahead = 0;
    scripted.verify();
    await scripted.close();
  });
  afterAll(async () => {
    await fetcher.stop();
    await Promise.all([nats.stop(), registry.stop()]);
  });

  /** A repository with these tags of scripted content, all scanned once. */
  async function known(path: string, ...tags: string[]): Promise<RepositoryName> {
    const name = RepositoryName.of(scripted.host, path);
    for (const tag of tags) scripted.tags.set(`${path}:${tag}`, { content: 'v1' });
    await fetcher.track(name, ...tags);
    await fetcher.scanned(name);
    return name;
  }
  const absent = (path: string, tag: string): unknown => scripted.tags.set(`${path}:${tag}`, { status: 404 });
  const back = (path: string, tag: string, content: string): unknown =>
    scripted.tags.set(`${path}:${tag}`, { content });

  it('is recorded as gone by the second 404, one interval after the first, beside a living sibling', async () => {
    const name = RepositoryName.of(registry.host, 'team/app');
    const { digest } = await registry.pushImage('team/app', 'a', { content: 'going' });
    await registry.pushImage('team/app', 'b', { content: 'staying' });
    await fetcher.track(name, 'a', 'b');
    await fetcher.scanned(name);
    const seen = await fetcher.scanned(name);
    await registry.deleteManifest('team/app', digest);
    expect(await fetcher.scanned(name)).toMatchObject({
      changes: 0,
      missing: ['a'],
      coverage: { mode: 'all-but', tags: [] },
    });
    fetcher.ahead = HOUR / 2;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    fetcher.ahead = HOUR + 10_000;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1, missing: ['a'] });
    fetcher.ahead = 3 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    const [baseline, gone, ...more] = await historyOf(fetcher.nc, name, 'a');
    expect(more).toEqual([]);
    expect(gone?.event).toMatchObject({
      type: EVENT_TYPES.TagDisappeared,
      data: { previous: { digest, sequence: baseline?.sequence, hash: baseline?.hash } },
    });
    const lastSeenAt = gone?.event.data.previous?.lastSeenAt ?? '';
    expect(lastSeenAt >= seen.startedAt && lastSeenAt <= seen.finishedAt).toBe(true);
  });

  it.each([
    ['the same digest', 'v1'],
    ['another digest', 'v2'],
  ])('returns with %s as an event, bounded by the last 404', async (_, content) => {
    const path = `team/return-${content}`;
    const name = await known(path, 'a', 'b');
    absent(path, 'a');
    await fetcher.scanned(name);
    fetcher.ahead = 2 * HOUR;
    await fetcher.scanned(name);
    fetcher.ahead = 4 * HOUR;
    const stillGone = await fetcher.scanned(name);
    back(path, 'a', content);
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1, missing: [] });
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: [] });
    expect(await digestsOf(fetcher.nc, name, 'a')).toEqual([digestOf('v1'), null, digestOf(content)]);
    const data = (await historyOf(fetcher.nc, name, 'a')).at(-1)?.event.data;
    expect(data).toMatchObject({ reappeared: true, previous: { digest: digestOf('v1') } });
    const lastSeenAt = data?.previous?.lastSeenAt ?? '';
    expect(lastSeenAt >= stillGone.startedAt && lastSeenAt <= stillGone.finishedAt).toBe(true);
  });

  it('is not gone by one 404, and starts to be counted anew after it came back', async () => {
    const name = await known('team/blink', 'a', 'b');
    for (let i = 1; i <= 3; i++) {
      absent('team/blink', 'a');
      fetcher.ahead = i * 4 * HOUR;
      expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
      back('team/blink', 'a', 'v1');
      fetcher.ahead += 2 * HOUR;
      expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: [] });
    }
    expect(await digestsOf(fetcher.nc, name, 'a')).toHaveLength(1);
  });

  it('starts to be counted anew after another fetcher recorded that it came back, whatever this one remembers', async () => {
    const name = await known('team/stale', 'a', 'b');
    absent('team/stale', 'a');
    await fetcher.scanned(name);
    back('team/stale', 'a', 'v2');
    const { scanState } = fetcher.parts;
    const forgetful = { scanState: { ...stateOf(scanState), write: async () => false } };
    await fetcher.scanned(name, {}, forgetful);
    absent('team/stale', 'a');
    fetcher.ahead = 5 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    expect(await digestsOf(fetcher.nc, name, 'a')).toEqual([digestOf('v1'), digestOf('v2')]);
  });

  it('starts to be counted anew after another fetcher saw it, whatever this one remembers', async () => {
    const name = await known('team/remembered', 'a', 'b');
    absent('team/remembered', 'a');
    await fetcher.scanned(name);
    back('team/remembered', 'a', 'v1');
    const other = await FetcherUnderTest.start(nats.url);
    try {
      other.ahead = 2 * HOUR;
      expect(await other.scanned(name)).toMatchObject({ changes: 0, missing: [] });
    } finally {
      await other.stop();
    }
    absent('team/remembered', 'a');
    fetcher.ahead = 5 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    fetcher.ahead = 7 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1, missing: ['a'] });
    expect((await historyOf(fetcher.nc, name, 'a')).map(({ event }) => event.type)).toEqual([
      EVENT_TYPES.DigestObserved,
      EVENT_TYPES.TagDisappeared,
    ]);
  });

  describe('without a living sibling', () => {
    const list = (path: string, tags: string[], headers: Record<string, string> = {}): unknown =>
      scripted.listings.set(path, { status: 200, body: JSON.stringify({ name: path, tags }), headers });

    it('is gone by a complete listing without it, asked for once a scan and counted', async () => {
      const name = await known('team/listed', 'a', 'b');
      absent('team/listed', 'a');
      absent('team/listed', 'b');
      list('team/listed', ['other']);
      await fetcher.scanned(name);
      fetcher.ahead = 2 * HOUR;
      expect(await fetcher.scanned(name)).toMatchObject({ changes: 2, requests: 3, missing: ['a', 'b'] });
      expect(scripted.seen.filter((path) => path.endsWith('/tags/list'))).toHaveLength(1);
    });

    it('is not gone where the listing still has it', async () => {
      const name = await known('team/still-listed', 'a');
      absent('team/still-listed', 'a');
      list('team/still-listed', ['a']);
      await fetcher.scanned(name);
      fetcher.ahead = 2 * HOUR;
      expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    });

    it.each([
      [
        'the listing is incomplete',
        (path: string) => list(path, ['other'], { link: `</v2/${path}/tags/list?n=1000>; rel="next"` }),
      ],
      ['there is no listing', (path: string) => scripted.listings.set(path, { status: 404, body: '{}' })],
      ['the listing is denied', (path: string) => scripted.listings.set(path, { status: 403, body: '{}' })],
      ['the listing fails', (path: string) => scripted.listings.set(path, { status: 500, body: '' })],
      ['the listing is not JSON', (path: string) => scripted.listings.set(path, { status: 200, body: '<html>' })],
    ])('is not gone where %s, and the scan is none that covered it', async (what, answer) => {
      const path = `team/${what.replaceAll(' ', '-').toLowerCase()}`;
      const name = await known(path, 'a');
      absent(path, 'a');
      answer(path);
      await fetcher.scanned(name);
      fetcher.ahead = 2 * HOUR;
      const reason = 'it was deleted or made private';
      expect(await fetcher.scan(name)).toMatchObject({
        outcome: 'failed',
        event: { code: 'not-found', error: expect.stringContaining(reason) },
      });
      expect(await digestsOf(fetcher.nc, name, 'a')).toHaveLength(1);
      // Once the registry lists what it has, the tag has been missing for long enough.
      list(path, ['other']);
      expect(await fetcher.scanned(name)).toMatchObject({ changes: 1 });
    });
  });

  it.each([
    ['500', { status: 500 }],
    ['401', { status: 401 }],
    ['403', { status: 403 }],
    ['silence', 'hang' as const],
  ])('is not taken for gone by any number of scans with %s', async (what, script) => {
    const impatient = await FetcherUnderTest.start(nats.url, { operationMs: 100 });
    try {
      const path = `team/trouble-${what}`;
      const name = await known(path, 'a', 'b');
      scripted.tags.set(`${path}:a`, script);
      for (let i = 1; i <= 10; i++) {
        impatient.ahead = i * 2 * HOUR;
        const event = await impatient.scanned(name);
        expect(event).toMatchObject({ changes: 0, missing: [], coverage: { tags: ['a'] } });
        expect(event.failures.map(({ tag }) => tag)).toEqual(['a']);
      }
      expect(await digestsOf(impatient.nc, name, 'a')).toHaveLength(1);
      back(path, 'a', 'v1');
      expect(await impatient.scanned(name)).toMatchObject({ changes: 0, failures: [] });
    } finally {
      await impatient.stop();
    }
  });
});
