import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { digestsOf, FetcherUnderTest, historyOf, scansOf, stateOf } from '../testing/fetcher-under-test.ts';
import type { ScanParts } from './repository-scan.ts';

const died = (): Promise<never> => Promise.reject(new Error('killed'));

describe('RepositoryScan that is killed', () => {
  let nats: RunningNats;
  let registry: RunningRegistry;
  let fetcher: FetcherUnderTest;
  beforeAll(async () => void ([nats, registry] = await Promise.all([startNats(), startRegistry()])));
  afterAll(async () => void (await Promise.all([nats.stop(), registry.stop()])));
  beforeEach(async () => void (fetcher = await FetcherUnderTest.start(nats.url)));
  afterEach(async () => fetcher.stop());

  /** v1 is known; v2 is pushed; a scan dies; another fetcher gets the job. */
  async function killedAt(path: string, parts: Partial<ScanParts>): Promise<void> {
    const name = RepositoryName.of(registry.host, path);
    const v1 = await registry.pushImage(path, 'a', { content: 'v1' });
    await fetcher.track(name, 'a');
    await fetcher.scanned(name);
    const before = new Date().toISOString();
    const v2 = await registry.pushImage(path, 'a', { content: 'v2' });
    const after = new Date().toISOString();
    await expect(fetcher.scan(name, {}, parts)).rejects.toThrow('killed');
    const next = await FetcherUnderTest.start(nats.url);
    try {
      await next.scanned(name);
      expect(await digestsOf(next.nc, name, 'a')).toEqual([v1.digest, v2.digest]);
      const change = (await historyOf(next.nc, name, 'a'))[1]?.event.data;
      expect((change?.previous?.lastSeenAt ?? '') <= before && (change?.observedAt ?? '') >= after).toBe(true);
      const beforeThird = new Date().toISOString();
      const v3 = await registry.pushImage(path, 'a', { content: 'v3' });
      await next.scanned(name);
      expect(await digestsOf(next.nc, name, 'a')).toEqual([v1.digest, v2.digest, v3.digest]);
      const third = (await historyOf(next.nc, name, 'a'))[2]?.event.data;
      expect((third?.previous?.lastSeenAt ?? '') <= beforeThird).toBe(true);
      expect((third?.previous?.lastSeenAt ?? '') >= after).toBe(true);
    } finally {
      await next.stop();
    }
  }

  it('before the append: the next run records the change', async () => {
    const { history } = fetcher.parts;
    await killedAt('team/before', {
      history: { recordObserved: died, recordDisappeared: (data) => history.recordDisappeared(data) },
    });
  });

  it('between the append and its acknowledgement: it is recorded once', async () => {
    const { history } = fetcher.parts;
    await killedAt('team/append', {
      history: {
        recordObserved: async (data) => history.recordObserved(data).then(died),
        recordDisappeared: (data) => history.recordDisappeared(data),
      },
    });
  });

  it('between the append and the scan log: it is recorded once', async () => {
    await killedAt('team/log', { scanLog: { recordScanned: died, recordFailed: died } });
  });

  it('between the scan log and SCAN_STATE: it is recorded once', async () => {
    const { scanState } = fetcher.parts;
    await killedAt('team/state', { scanState: { ...stateOf(scanState), write: died } });
  });

  it('before the acknowledgement of the job: it is recorded once', async () => {
    const { scanState } = fetcher.parts;
    await killedAt('team/ack', {
      scanState: {
        ...stateOf(scanState),
        write: async (...written) => scanState.write(...written).then(died),
      },
    });
    const name = RepositoryName.of(registry.host, 'team/ack');
    expect(await scansOf(fetcher.nc, name)).toHaveLength(4);
  });

  it('does not fall when an append fails while other answers are still awaited', async () => {
    const name = RepositoryName.of(registry.host, 'team/many');
    for (const tag of ['a', 'b', 'c']) await registry.pushImage('team/many', tag);
    await fetcher.track(name, 'a', 'b', 'c');
    const { reader } = fetcher.parts;
    const slow: ScanParts['reader'] = {
      adapterName: (of) => reader.adapterName(of),
      listTags: (of, signal) => reader.listTags(of, signal),
      scan: async function* (of, tags, signal, knowledge) {
        for await (const answer of reader.scan(of, tags, signal, knowledge)) {
          yield answer;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
    };
    const parts: Partial<ScanParts> = { reader: slow, history: { recordObserved: died, recordDisappeared: died } };
    await expect(fetcher.scan(name, {}, parts)).rejects.toThrow('killed');
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 3 });
  });

  it('drains in the middle: what was appended stays, nothing is logged, the next run completes it', async () => {
    const name = RepositoryName.of(registry.host, 'team/drain');
    for (const tag of ['a', 'b', 'c']) await registry.pushImage('team/drain', tag);
    await fetcher.track(name, 'a', 'b', 'c');
    const stop = new AbortController();
    const { reader } = fetcher.parts;
    const draining: ScanParts['reader'] = {
      adapterName: (of) => reader.adapterName(of),
      listTags: (of, signal) => reader.listTags(of, signal),
      scan: async function* (of, tags, signal, knowledge) {
        for await (const answer of reader.scan(of, tags.slice(0, 1), signal, knowledge)) yield answer;
        stop.abort();
        yield* reader.scan(of, tags.slice(1), signal, knowledge);
      },
    };
    const scan = fetcher.scan(name, {}, { reader: draining }, stop.signal);
    await expect(scan).rejects.toMatchObject({ name: 'AbortError' });
    expect(await scansOf(fetcher.nc, name)).toEqual([]);
    expect(await fetcher.scanned(name)).toMatchObject({ observations: 3, changes: 2 });
    for (const tag of ['a', 'b', 'c']) expect(await digestsOf(fetcher.nc, name, tag)).toHaveLength(1);
  });
});
