import { EVENT_TYPES } from '@dtm/events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RetryLater } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { digestsOf, FetcherUnderTest, scansOf } from '../testing/fetcher-under-test.ts';
import { ScriptedTags } from '../testing/scripted-tags.ts';

describe('a scan in trouble', () => {
  let nats: RunningNats;
  let scripted: ScriptedTags;
  let fetcher: FetcherUnderTest;
  beforeAll(async () => void (nats = await startNats()));
  afterAll(async () => nats.stop());
  beforeEach(async () => {
    scripted = await ScriptedTags.start();
    fetcher = await FetcherUnderTest.start(nats.url);
  });
  afterEach(async () => {
    await fetcher.stop();
    scripted.verify();
    await scripted.close();
  });
  const repository = (path: string): RepositoryName => RepositoryName.of(scripted.host, path);

  it('tells of one tag that fails and records the others', async () => {
    const name = repository('team/one-500');
    for (const tag of ['a', 'b', 'c']) scripted.tags.set(`team/one-500:${tag}`, { content: tag });
    scripted.tags.set('team/one-500:b', { status: 500 });
    await fetcher.track(name, 'a', 'b', 'c');
    expect(await fetcher.scanned(name)).toMatchObject({
      observations: 2,
      changes: 2,
      coverage: { mode: 'all-but', tags: ['b'] },
      failures: [{ tag: 'b', code: 'server-error', reason: expect.stringContaining('500') }],
      missing: [],
    });
    expect(await digestsOf(fetcher.nc, name, 'b')).toEqual([]);
  });

  it('fails with the reason where no tag gave an answer, and records nothing', async () => {
    const name = repository('team/all-500');
    for (const tag of ['a', 'b']) scripted.tags.set(`team/all-500:${tag}`, { status: 502 });
    await fetcher.track(name, 'a', 'b');
    const report = await fetcher.scan(name);
    expect(report).toMatchObject({
      outcome: 'failed',
      event: { code: 'server-error', error: expect.stringContaining('502'), requests: 2 },
    });
    expect(await scansOf(fetcher.nc, name)).toMatchObject([{ type: EVENT_TYPES.RepositoryScanFailed }]);
    expect(await digestsOf(fetcher.nc, name, 'a')).toEqual([]);
  });

  it('fails as refused where the host is not listed', async () => {
    const strict = await FetcherUnderTest.start(nats.url, { access: { plainHttp: false, privateAddresses: false } });
    try {
      const name = repository('team/refused');
      await strict.track(name, 'a');
      expect(await strict.scan(name)).toMatchObject({
        outcome: 'failed',
        event: { code: 'refused', error: expect.stringContaining('INSECURE_REGISTRIES'), requests: 0 },
      });
    } finally {
      await strict.stop();
    }
  });

  it('fails as unreachable where nobody listens', async () => {
    const gone = await ScriptedTags.start();
    await gone.close();
    const name = RepositoryName.of(gone.host, 'team/closed');
    await fetcher.track(name, 'a');
    expect(await fetcher.scan(name)).toMatchObject({ outcome: 'failed', event: { code: 'unreachable' } });
  });

  it('is put off without a word where the registry halts it at once', async () => {
    const name = repository('team/halted');
    for (const tag of ['a', 'b', 'c']) {
      scripted.tags.set(`team/halted:${tag}`, { status: 429, headers: { 'retry-after': '30' } });
    }
    await fetcher.track(name, 'a', 'b', 'c');
    const scan = fetcher.scan(name);
    await expect(scan).rejects.toBeInstanceOf(RetryLater);
    await expect(scan).rejects.toMatchObject({ message: expect.stringContaining(`${scripted.host} is halted until`) });
    const { delayMs } = (await scan.catch((error: unknown) => error)) as RetryLater;
    expect(delayMs).toBeGreaterThan(20_000);
    expect(delayMs).toBeLessThanOrEqual(30_000);
    const asked = scripted.seen.length;
    await expect(fetcher.scan(name)).rejects.toBeInstanceOf(RetryLater);
    expect(scripted.seen).toHaveLength(asked);
    expect(await scansOf(fetcher.nc, name)).toEqual([]);
  });

  it('covers what was answered before the registry halted it, and begins with the rest the next time', async () => {
    const name = repository('team/partly');
    const tags = Array.from({ length: 40 }, (_, i) => `t${i}`);
    for (const tag of tags) scripted.tags.set(`team/partly:${tag}`, { content: tag });
    await fetcher.track(name, ...tags);
    const limit = tags[20] ?? '';
    scripted.tags.set(`team/partly:${limit}`, { status: 429, headers: { 'retry-after': '30' } });
    const event = await fetcher.scanned(name);
    expect(event.failures).toEqual([]);
    expect(event.observations).toBeGreaterThanOrEqual(20);
    expect(event.observations).toBeLessThan(40);
    const { mode, tags: listed } = event.coverage;
    const uncovered = mode === 'all-but' ? listed : tags.filter((tag) => !listed.includes(tag));
    expect(uncovered).toHaveLength(40 - event.observations);
    expect(uncovered).toContain(limit);

    scripted.tags.set(`team/partly:${limit}`, { content: limit });
    scripted.seen.length = 0;
    const later = await FetcherUnderTest.start(nats.url);
    try {
      expect(await later.scanned(name)).toMatchObject({ observations: 40, coverage: { mode: 'all-but', tags: [] } });
    } finally {
      await later.stop();
    }
    // Requests that are under way together may overtake one another.
    const first = scripted.seen.slice(0, uncovered.length + 8).map((path) => path.split('/').at(-1));
    expect(first).toEqual(expect.arrayContaining([...uncovered]));
  });

  it('drains while a registry hangs', async () => {
    const name = repository('team/hangs');
    scripted.tags.set('team/hangs:a', 'hang');
    await fetcher.track(name, 'a');
    const stop = new AbortController();
    const scan = fetcher.scan(name, {}, {}, stop.signal);
    const outcome = scan.catch((error: unknown) => error);
    while (scripted.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    expect(await outcome).toBe(stop.signal.reason);
    expect(await scansOf(fetcher.nc, name)).toEqual([]);
  });

  it('tells of thousands of failures within one message', async () => {
    const name = repository('team/thousands');
    const tags = Array.from({ length: 1000 }, (_, i) => `${String(i).padStart(4, '0')}${'x'.repeat(120)}`);
    for (const tag of tags) scripted.tags.set(`team/thousands:${tag}`, { status: 500 });
    scripted.tags.set('team/thousands:ok', { content: 'ok' });
    await fetcher.track(name, 'ok');
    const { trackingTail } = fetcher.parts;
    const whole = new Map(
      ['ok', ...tags].map((tag) => [tag, { tag, sequence: 1, by: 'person' as const, trackedAt: 0 }]),
    );
    const crowded = {
      sequence: 1,
      catchUp: (signal?: AbortSignal) => trackingTail.catchUp(signal),
      repository: () => ({ registry: name.registry, repository: name.repository, tags: whole, newestSequence: 1 }),
    };
    const event = await fetcher.scanned(name, {}, { trackingTail: crowded });
    expect(event).toMatchObject({ observations: 1, coverage: { mode: 'only', tags: ['ok'] } });
    expect(event.failures).toHaveLength(200);
    expect(await scansOf(fetcher.nc, name)).toHaveLength(1);
  });
});
