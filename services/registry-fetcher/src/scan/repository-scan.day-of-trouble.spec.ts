import { EVENT_TYPES } from '@dtm/events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { STREAMS, streamState } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { digestsOf, FetcherUnderTest, historyOf } from '../testing/fetcher-under-test.ts';
import { digestOf, ScriptedTags } from '../testing/scripted-tags.ts';

const HOUR = 3_600_000;

let nats: RunningNats;
let registry: RunningRegistry;
let scripted: ScriptedTags;
let fetcher: FetcherUnderTest;
beforeAll(async () => {
  [nats, registry, scripted] = await Promise.all([startNats(), startRegistry(), ScriptedTags.start()]);
  fetcher = await FetcherUnderTest.start(nats.url, { operationMs: 150 });
});
afterEach(() => {
  fetcher.ahead = 0;
  scripted.verify();
});
afterAll(async () => {
  await fetcher.stop();
  await Promise.all([nats.stop(), registry.stop(), scripted.close()]);
});

const list = (path: string, tags: string[] | null): unknown =>
  scripted.listings.set(path, { status: 200, body: JSON.stringify({ name: path, tags }) });

describe('the only tag of a repository', () => {
  it.each([
    ['an empty list', []],
    ['null, as docker-registry does', null],
    ['other tags', ['other']],
  ])('is gone by a complete listing that names %s, and returns', async (_, tags) => {
    const path = `team/lone-${tags?.length ?? 'null'}`;
    const name = RepositoryName.of(scripted.host, path);
    scripted.tags.set(`${path}:a`, { content: 'v1' });
    await fetcher.track(name, 'a');
    await fetcher.scanned(name);
    scripted.tags.set(`${path}:a`, { status: 404 });
    list(path, tags);
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    fetcher.ahead = 2 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1, missing: ['a'] });
    fetcher.ahead = 4 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 0, missing: ['a'] });
    scripted.tags.set(`${path}:a`, { content: 'v1' });
    fetcher.ahead = 6 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ changes: 1, missing: [] });
    expect(await digestsOf(fetcher.nc, name, 'a')).toEqual([digestOf('v1'), null, digestOf('v1')]);
    const [baseline, gone, back] = await historyOf(fetcher.nc, name, 'a');
    expect(gone?.event).toMatchObject({ type: EVENT_TYPES.TagDisappeared });
    expect(gone?.event.data.previous).toMatchObject({ sequence: baseline?.sequence, hash: baseline?.hash });
    expect(back?.event.data).toMatchObject({
      reappeared: true,
      previous: { sequence: gone?.sequence, hash: gone?.hash },
    });
  });

  it('of a real registry is gone once its manifest is deleted, and returns', async () => {
    const name = RepositoryName.of(registry.host, 'team/lone');
    const { digest } = await registry.pushImage('team/lone', 'a', { content: 'v1' });
    await fetcher.track(name, 'a');
    await fetcher.scanned(name);
    await registry.deleteManifest('team/lone', digest);
    for (let i = 0; i < 3; i++, fetcher.ahead += 2 * HOUR) await fetcher.scanned(name);
    await registry.pushImage('team/lone', 'a', { content: 'v1' });
    await fetcher.scanned(name);
    expect(await digestsOf(fetcher.nc, name, 'a')).toEqual([digest, null, digest]);
  });
});

describe('a registry that is in trouble for a day', () => {
  it.each([
    ['answers 500', { status: 500 }],
    ['answers 401', { status: 401 }],
    ['answers 401 with a challenge', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }],
    ['answers nothing', 'hang' as const],
  ])('and %s makes no event, and hides none', async (what, trouble) => {
    const path = `team/${what.replaceAll(' ', '-')}`;
    const name = RepositoryName.of(scripted.host, path);
    const tags = ['a', 'b'];
    for (const tag of tags) scripted.tags.set(`${path}:${tag}`, { content: tag });
    await fetcher.track(name, ...tags);
    const before = await fetcher.scanned(name);
    const { lastSequence } = await streamState(fetcher.nc, STREAMS.history);
    for (const tag of tags) scripted.tags.set(`${path}:${tag}`, trouble);
    scripted.listings.set(path, { status: 500, body: '' });
    for (let hour = 1; hour <= 24; hour++) {
      fetcher.ahead = hour * HOUR;
      expect(await fetcher.scan(name)).toMatchObject({ outcome: 'failed' });
    }
    expect((await streamState(fetcher.nc, STREAMS.history)).lastSequence).toBe(lastSequence);
    scripted.tags.set(`${path}:a`, { content: 'a' });
    scripted.tags.set(`${path}:b`, { content: 'moved that day' });
    fetcher.ahead = 25 * HOUR;
    expect(await fetcher.scanned(name)).toMatchObject({ observations: 2, changes: 1, failures: [], missing: [] });
    expect(await digestsOf(fetcher.nc, name, 'a')).toEqual([digestOf('a')]);
    // Nobody knows when in that day it moved: the bound is the last look before it.
    const moved = (await historyOf(fetcher.nc, name, 'b')).at(-1)?.event.data;
    expect(moved?.previous).toMatchObject({ digest: digestOf('b') });
    expect(moved).not.toHaveProperty('reappeared');
    expect((moved?.previous?.lastSeenAt ?? '') <= before.finishedAt).toBe(true);
  });
});
