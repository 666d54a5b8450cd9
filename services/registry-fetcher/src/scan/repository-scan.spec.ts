import { EVENT_TYPES } from '@dtm/events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { digestsOf, FetcherUnderTest, historyOf, scansOf, stateOf } from '../testing/fetcher-under-test.ts';

describe('RepositoryScan on a real registry', () => {
  let nats: RunningNats;
  let registry: RunningRegistry;
  let fetcher: FetcherUnderTest;
  beforeAll(async () => {
    [nats, registry] = await Promise.all([startNats(), startRegistry()]);
    fetcher = await FetcherUnderTest.start(nats.url);
  });
  afterAll(async () => {
    await fetcher.stop();
    await Promise.all([nats.stop(), registry.stop()]);
  });
  const repository = (path: string): RepositoryName => RepositoryName.of(registry.host, path);

  it('records a baseline, each change once with bounds that bracket the push, and nothing else', async () => {
    const name = repository('team/app');
    const v1 = await registry.pushImage('team/app', '1.0', { content: 'v1' });
    await fetcher.track(name, '1.0');
    const first = await fetcher.scanned(name, { reason: 'new-tag' });
    expect(first).toMatchObject({ observations: 1, changes: 1, requests: 1, failures: [], missing: [] });
    const [baseline] = await historyOf(fetcher.nc, name, '1.0');
    expect(baseline?.event).toMatchObject({
      type: EVENT_TYPES.DigestObserved,
      subject: `${registry.host}/team/app:1.0`,
      data: { digest: v1.digest, mediaType: v1.mediaType, source: 'head', previous: null },
    });
    expect(await fetcher.scanned(name)).toMatchObject({ observations: 1, changes: 0 });

    const beforePush = new Date();
    const v2 = await registry.pushImage('team/app', '1.0', { content: 'v2' });
    const afterPush = new Date();
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1 });
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0 });
    const history = await historyOf(fetcher.nc, name, '1.0');
    expect(history).toHaveLength(2);
    const change = history[1];
    expect(change?.event.data).toMatchObject({
      digest: v2.digest,
      previous: { digest: v1.digest, sequence: baseline?.sequence, hash: baseline?.hash },
    });
    expect(change?.event.data).not.toHaveProperty('reappeared');
    expect(Date.parse(change?.event.data.previous?.lastSeenAt ?? '')).toBeLessThanOrEqual(beforePush.getTime());
    expect(Date.parse(change?.event.data.observedAt ?? '')).toBeGreaterThanOrEqual(afterPush.getTime());

    await registry.pushImage('team/app', '1.0', { content: 'v1' });
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1 });
    expect(await digestsOf(fetcher.nc, name, '1.0')).toEqual([v1.digest, v2.digest, v1.digest]);
    const logged = await scansOf(fetcher.nc, name);
    expect(logged).toHaveLength(5);
  });

  it('bounds a change by the last scan that confirmed the old digest, not by its event', async () => {
    const name = repository('team/bounds');
    await registry.pushImage('team/bounds', 'a', { content: 'v1' });
    await fetcher.track(name, 'a');
    await fetcher.scanned(name);
    fetcher.ahead = 3_600_000;
    const confirmed = await fetcher.scanned(name);
    await registry.pushImage('team/bounds', 'a', { content: 'v2' });
    await fetcher.scanned(name);
    fetcher.ahead = 0;
    const last = (await historyOf(fetcher.nc, name, 'a')).at(-1)?.event.data.previous?.lastSeenAt ?? '';
    expect(last >= confirmed.startedAt && last <= confirmed.finishedAt).toBe(true);
  });

  it('scans nothing that is not tracked', async () => {
    const name = repository('team/untracked');
    await registry.pushImage('team/untracked', 'a');
    expect(await fetcher.scan(name)).toBeNull();
    await fetcher.track(name, 'a');
    await fetcher.untrack(name, 'a');
    await fetcher.parts.trackingTail.catchUp();
    expect(await fetcher.scan(name)).toBeNull();
    expect(await scansOf(fetcher.nc, name)).toEqual([]);
  });

  it('tells of no scan where the last tag is untracked while it begins', async () => {
    const name = repository('team/untracked-meanwhile');
    await registry.pushImage('team/untracked-meanwhile', 'a');
    await fetcher.track(name, 'a');
    await fetcher.parts.trackingTail.catchUp();
    const { scanState, trackingTail } = fetcher.parts;
    const report = await fetcher.scan(
      name,
      {},
      {
        scanState: {
          ...stateOf(scanState),
          remembered: () => null,
          read: async (of) => {
            await fetcher.untrack(name, 'a');
            await trackingTail.catchUp();
            return scanState.read(of);
          },
        },
      },
    );
    expect(report).toBeNull();
    expect(await scansOf(fetcher.nc, name)).toEqual([]);
  });

  it('includes a tag that is tracked while the scan runs', async () => {
    const name = repository('team/meanwhile');
    await registry.pushImage('team/meanwhile', 'a');
    await registry.pushImage('team/meanwhile', 'b');
    await fetcher.track(name, 'a');
    const { reader } = fetcher.parts;
    const event = await fetcher.scanned(
      name,
      {},
      {
        reader: {
          adapterName: (of) => reader.adapterName(of),
          listTags: (of, signal) => reader.listTags(of, signal),
          scan: async function* (of, tags, signal, knowledge) {
            yield* reader.scan(of, tags, signal, knowledge);
            if (!tags.includes('a')) return;
            await fetcher.track(name, 'b');
            await fetcher.parts.trackingTail.catchUp();
          },
        },
      },
    );
    expect(event).toMatchObject({ observations: 2, changes: 2, coverage: { mode: 'all-but', tags: [] } });
    expect(event.trackingSequence).toBeGreaterThanOrEqual(2);
    expect(await digestsOf(fetcher.nc, name, 'b')).toHaveLength(1);
  });

  it('leaves out quiet tags and says so', async () => {
    const name = repository('team/quiet');
    for (const tag of ['latest', 'changed', 'baseline']) {
      await registry.pushImage('team/quiet', tag, { content: 'v1' });
      await fetcher.track(name, tag);
    }
    await fetcher.scanned(name);
    await registry.pushImage('team/quiet', 'changed', { content: 'v2' });
    await registry.pushImage('team/quiet', 'latest', { content: 'v2' });
    await fetcher.scanned(name);
    const skipQuietSince = new Date(Date.now() + 1000).toISOString();
    const event = await fetcher.scanned(name, { skipQuietSince });
    expect(event).toMatchObject({
      observations: 2,
      requests: 2,
      coverage: { mode: 'all-but', tags: ['changed'] },
    });
    expect(await fetcher.scanned(name, { skipQuietSince: new Date(0).toISOString() })).toMatchObject({
      observations: 3,
      coverage: { mode: 'all-but', tags: [] },
    });
  });

  describe('looks at once at a quiet tag that is tracked again, though its sibling was scanned meanwhile', () => {
    /** A repository with a quiet tag, which both fetchers have scanned. */
    async function quiet(path: string, ...others: FetcherUnderTest[]): Promise<RepositoryName> {
      const name = repository(path);
      await registry.pushImage(path, 'latest', { content: 'v1' });
      await fetcher.track(name, 'latest', 'quiet');
      for (const content of ['v1', 'v2']) {
        await registry.pushImage(path, 'quiet', { content });
        for (const one of [fetcher, ...others]) await one.scanned(name);
      }
      return name;
    }
    const soon = (): { skipQuietSince: string } => ({ skipQuietSince: new Date(Date.now() + 1000).toISOString() });

    it('by the one that scanned it', async () => {
      const name = await quiet('team/revived');
      await fetcher.untrack(name, 'quiet');
      await fetcher.parts.trackingTail.catchUp();
      await fetcher.scanned(name, soon());
      const { digest } = await registry.pushImage('team/revived', 'quiet', { content: 'v3' });
      await fetcher.track(name, 'quiet');
      const event = await fetcher.scanned(name, { reason: 'new-tag', ...soon() });
      expect(event).toMatchObject({ observations: 2, changes: 1, coverage: { mode: 'all-but', tags: [] } });
      expect((await digestsOf(fetcher.nc, name, 'quiet')).at(-1)).toBe(digest);
      expect(await fetcher.scanned(name, soon())).toMatchObject({ coverage: { tags: ['quiet'] } });
    });

    it('also by one that remembers it from before', async () => {
      const other = await FetcherUnderTest.start(nats.url);
      try {
        const name = await quiet('team/remembered', other);
        await fetcher.scanned(name);
        await other.untrack(name, 'quiet');
        await other.parts.trackingTail.catchUp();
        await other.scanned(name, soon());
        await other.track(name, 'quiet');
        const event = await fetcher.scanned(name, { reason: 'new-tag', ...soon() });
        expect(event).toMatchObject({ observations: 2, coverage: { mode: 'all-but', tags: [] } });
      } finally {
        await other.stop();
      }
    });

    it('and at all of them once where the state of scans is lost', async () => {
      const name = await quiet('team/lost-state');
      const lost = { ...stateOf(fetcher.parts.scanState), remembered: () => null };
      lost.read = async (of) => ({ ...(await fetcher.parts.scanState.read(of)), tags: new Map() });
      const covered = { coverage: { mode: 'all-but', tags: [] } };
      expect(await fetcher.scanned(name, soon(), { scanState: lost })).toMatchObject(covered);
      expect(await fetcher.scanned(name, soon())).toMatchObject({ coverage: { tags: ['quiet'] } });
    });
  });

  it('leaves out no quiet tag where it waited in the queue until those are due', async () => {
    const name = repository('team/waited');
    await fetcher.track(name, 'latest', 'quiet');
    await registry.pushImage('team/waited', 'latest', { content: 'v1' });
    for (const content of ['v1', 'v2']) {
      await registry.pushImage('team/waited', 'quiet', { content });
      await fetcher.scanned(name);
    }
    const due = Date.now() + 3_600_000;
    const request = {
      requestedAt: new Date().toISOString(),
      skipQuietSince: new Date(Date.now() + 1000).toISOString(),
      skipQuietUntil: new Date(due).toISOString(),
    };
    expect(await fetcher.scanned(name, request)).toMatchObject({ coverage: { tags: ['quiet'] } });
    fetcher.ahead = 3_600_000;
    const event = await fetcher.scanned(name, request);
    fetcher.ahead = 0;
    expect(event).toMatchObject({ observations: 2, coverage: { mode: 'all-but', tags: [] } });
    expect(Date.parse(event.startedAt)).toBeGreaterThanOrEqual(due);
  });

  it('succeeds without an answer where all tags are quiet', async () => {
    const name = repository('team/all-quiet');
    await registry.pushImage('team/all-quiet', 'a', { content: 'v1' });
    await fetcher.track(name, 'a');
    await fetcher.scanned(name);
    await registry.pushImage('team/all-quiet', 'a', { content: 'v2' });
    await fetcher.scanned(name);
    const event = await fetcher.scanned(name, { skipQuietSince: new Date(Date.now() + 1000).toISOString() });
    expect(event).toMatchObject({ observations: 0, requests: 0, coverage: { mode: 'only', tags: [] } });
  });

  it('counts a tag that never was there as covered and missing, and its later appearance as a baseline', async () => {
    const name = repository('team/early');
    await registry.pushImage('team/early', 'here');
    await fetcher.track(name, 'here', 'later');
    expect(await fetcher.scanned(name)).toMatchObject({
      observations: 1,
      coverage: { mode: 'all-but', tags: [] },
      missing: ['later'],
    });
    fetcher.ahead = 36_000_000;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['later'] });
    await registry.pushImage('team/early', 'later');
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1, missing: [] });
    fetcher.ahead = 0;
    const [first] = await historyOf(fetcher.nc, name, 'later');
    expect(first?.event.data.previous).toBeNull();
  });

  it('never says that a scan began before it was asked for', async () => {
    const name = repository('team/clock');
    await registry.pushImage('team/clock', 'a');
    await fetcher.track(name, 'a');
    const requestedAt = new Date(Date.now() + 5000).toISOString();
    expect(await fetcher.scanned(name, { requestedAt })).toMatchObject({
      startedAt: requestedAt,
      finishedAt: requestedAt,
    });
  });
});
