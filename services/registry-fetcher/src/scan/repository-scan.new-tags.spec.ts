import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ListingStore } from '@dtm/jetstream';
import { RepositoryName, type Digest } from '@dtm/oci';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { ClientReader } from '../registries/client-reader.ts';
import { FetcherUnderTest } from '../testing/fetcher-under-test.ts';
import { ScriptedTags } from '../testing/scripted-tags.ts';
import { ForgottenListings, ListingMemory } from './listing-memory.ts';
import type { ScanParts } from './repository-scan.ts';

type Adapter = ReturnType<ConstructorParameters<typeof ClientReader>[0]>;

const HOUR_MS = 3_600_000;
const A = `sha256:${'a'.repeat(64)}` as Digest;

/** A registry that names tags while it is scanned, and lists them when it is asked to. */
class NamingAdapter implements Adapter {
  readonly name = 'naming';
  /** What a scan comes across; null: nothing but the tags asked for. */
  seen: { tags: string[]; complete: boolean; paged: boolean } | null = null;
  /** The registry's own list. */
  list: { tags: string[]; complete: boolean; requests: number } = { tags: [], complete: true, requests: 1 };
  lists = 0;

  async *scan(_name: RepositoryName, request: Parameters<Adapter['scan']>[1]): ReturnType<Adapter['scan']> {
    for (const tag of request.tags) {
      const at = new Date();
      const answer = { digest: A, mediaType: '', source: 'head', sentAt: at, receivedAt: at } as const;
      yield { tag, outcome: 'observed', observation: { outcome: 'present', requests: 1, ...answer } };
    }
    return { listing: this.seen, requests: 1, disagreements: 0, sampled: 0 };
  }

  async listTags(): Promise<typeof this.list> {
    this.lists++;
    return Promise.resolve(this.list);
  }
}

describe('tags that appear in a repository', () => {
  let nats: RunningNats;
  let fetcher: FetcherUnderTest;
  let store: ListingStore;
  let adapter: NamingAdapter;
  let name: RepositoryName;
  let listings: ListingMemory;
  let number = 0;

  beforeAll(async () => {
    nats = await startNats();
    fetcher = await FetcherUnderTest.start(nats.url, { newTags: true });
    store = await ListingStore.open(fetcher.nc);
  });
  beforeEach(async () => {
    fetcher.ahead = 0;
    adapter = new NamingAdapter();
    listings = memory();
    name = RepositoryName.of('registry.example', `team/app-${number++}`);
    await fetcher.track(name, '1');
  });
  afterAll(async () => {
    await fetcher.stop();
    await nats.stop();
  });

  const memory = (appearedMax?: number): ListingMemory =>
    new ListingMemory(store, { now: fetcher.parts.now, ...(appearedMax === undefined ? {} : { appearedMax }) });
  const event = (parts: Partial<ScanParts> = {}) =>
    fetcher.scanned(name, {}, { reader: new ClientReader(() => adapter, 4), listings, ...parts });
  const appeared = async (parts: Partial<ScanParts> = {}): Promise<string[] | undefined> =>
    (await event(parts)).appeared;
  const sees = (tags: string[], complete = true, paged = false): void =>
    void (adapter.seen = { tags, complete, paged });
  const revision = async (): Promise<number> => (await store.readHead(name)).revision;

  it('are none at the first listing, and each is told once after it', async () => {
    sees(['1', '2']);
    expect(await appeared()).toBeUndefined();
    sees(['1', '2', '4', '3']);
    expect(await appeared()).toEqual(['4', '3']);
    const written = await revision();
    expect(await appeared()).toBeUndefined();
    expect(await revision()).toBe(written);
    expect(adapter.lists).toBe(0);
    // Another fetcher, or this one after a restart.
    listings = memory();
    expect(await appeared()).toBeUndefined();
  });

  it('include those that had vanished', async () => {
    sees(['1', '2']);
    await event();
    sees(['1']);
    expect(await appeared()).toBeUndefined();
    sees(['1', '2']);
    expect(await appeared()).toEqual(['2']);
  });

  it('are not those that moved to the front while a list of several pages was read', async () => {
    sees(['1', '2', '3'], true, true);
    await event();
    sees(['1', '2'], true, true);
    expect(await appeared()).toBeUndefined();
    sees(['1', '2', '3', '4'], true, true);
    expect(await appeared()).toEqual(['4']);
  });

  it('are found in a list that is not complete too, which takes nothing away', async () => {
    sees(['1', '2', '3']);
    await event();
    sees(['4', '1'], false);
    expect(await appeared()).toEqual(['4']);
    sees(['1', '2', '3', '4']);
    expect(await appeared()).toBeUndefined();
  });

  it('are compared with a whole list, which is asked for once where a scan saw a part only', async () => {
    adapter.list = { tags: ['1', '2', '3', '4'], complete: true, requests: 2 };
    sees(['4', '3', '5'], false);
    const first = await event();
    expect(first).toMatchObject({ requests: 3, observations: 1 });
    expect(first.appeared).toBeUndefined();
    sees(['1', '6'], false);
    expect(await event()).toMatchObject({ requests: 1, appeared: ['6'] });
    expect(adapter.lists).toBe(1);
  });

  it('are looked for by a list of its own once an hour, where scans ask for single tags', async () => {
    adapter.list = { tags: ['1'], complete: true, requests: 1 };
    expect(await event()).toMatchObject({ requests: 2 });
    adapter.list.tags.push('2');
    fetcher.ahead = HOUR_MS - 60_000;
    expect(await event()).toMatchObject({ requests: 1 });
    // The pause holds for other fetchers and after a restart too.
    listings = memory();
    expect(await event()).toMatchObject({ requests: 1 });
    fetcher.ahead = HOUR_MS + 60_000;
    expect(await event()).toMatchObject({ requests: 2, appeared: ['2'] });
    expect(await event()).toMatchObject({ requests: 1 });
    fetcher.ahead += HOUR_MS;
    const third = await event();
    expect(third.requests).toBe(2);
    expect(third.appeared).toBeUndefined();
    listings = memory();
    expect(await event()).toMatchObject({ requests: 1 });
  });

  it('are looked for sooner where scans are frequent', async () => {
    const often = () =>
      fetcher.scanned(name, { intervalSeconds: 60 }, { reader: new ClientReader(() => adapter, 4), listings });
    adapter.list = { tags: ['1'], complete: true, requests: 1 };
    await often();
    adapter.list.tags.push('2');
    fetcher.ahead = 9 * 60_000;
    expect((await often()).appeared).toBeUndefined();
    fetcher.ahead = 11 * 60_000;
    expect((await often()).appeared).toEqual(['2']);
  });

  it('are asked for less often where the list takes many requests', async () => {
    adapter.list = { tags: ['1'], complete: true, requests: 5 };
    await event();
    fetcher.ahead = 4.9 * HOUR_MS;
    await event();
    expect(adapter.lists).toBe(1);
    fetcher.ahead = 5.1 * HOUR_MS;
    await event();
    expect(adapter.lists).toBe(2);
  });

  it('are never told of a list that the registry cuts, which is asked for once a day', async () => {
    adapter.list = { tags: ['1', '2'], complete: false, requests: 1 };
    await event();
    adapter.list = { tags: ['3', '4'], complete: false, requests: 1 };
    fetcher.ahead = 2 * HOUR_MS;
    expect(await appeared()).toBeUndefined();
    expect(adapter.lists).toBe(1);
    fetcher.ahead = 25 * HOUR_MS;
    expect(await appeared()).toBeUndefined();
    expect(adapter.lists).toBe(2);
  });

  it('leave out signatures and names of single builds', async () => {
    sees(['1']);
    await event();
    sees(['1', `sha256-${'a'.repeat(64)}.sig`, 'b'.repeat(40), `sha256-${'c'.repeat(64)}`, '1.1']);
    expect(await appeared()).toEqual(['1.1']);
  });

  it('are told a part at a time where there are very many', async () => {
    listings = memory(2);
    sees(['1']);
    await event();
    sees(['1', 'a', 'b', 'c']);
    expect(await appeared()).toEqual(['a', 'b']);
    expect(await appeared()).toEqual(['c']);
    expect(await appeared()).toBeUndefined();
  });

  it('are never told of a repository with more tags than are remembered', async () => {
    const many = Array.from({ length: 50_001 }, (_, i) => `t${i}`);
    sees(many);
    await event();
    sees([...many, 'new']);
    expect(await appeared()).toBeUndefined();
    sees(['t1', 't2']);
    expect(await appeared()).toBeUndefined();
    sees(['t1', 't2', 'new']);
    expect(await appeared()).toEqual(['new']);
  });

  it('are compared with all of a long list', async () => {
    const many = Array.from({ length: 12_345 }, (_, i) => `t${i}`.padEnd(128, 'x-'));
    sees(many);
    await event();
    sees([...many, 'new'].reverse());
    expect(await appeared()).toEqual(['new']);
    expect((await store.readTags(name, await store.readHead(name)))?.size).toBe(12_346);
  });

  it('are told again, not forgotten, where the fetcher dies before it has remembered them', async () => {
    sees(['1']);
    await event();
    sees(['1', '2']);
    const dying = {
      readHead: (...read: Parameters<ListingStore['readHead']>) => store.readHead(...read),
      readTags: (...read: Parameters<ListingStore['readTags']>) => store.readTags(...read),
      write: () => Promise.reject(new Error('killed')),
      postpone: () => Promise.reject(new Error('killed')),
    };
    await expect(event({ listings: new ListingMemory(dying) })).rejects.toThrow('killed');
    expect(await appeared()).toEqual(['2']);
  });

  it('are none after the memory was lost or torn apart', async () => {
    sees(Array.from({ length: 6_000 }, (_, i) => `t${i}`));
    await event();
    const head = await store.readHead(name);
    // A process that died after the first part of its write.
    await store.postpone(name, { ...head, write: 'another' }, new Date());
    sees(['t1', 'new']);
    expect(await appeared()).toBeUndefined();
    sees(['t1', 'new', 'newer']);
    expect(await appeared()).toEqual(['newer']);
  });

  it('are no news that waited while nobody wanted to know', async () => {
    sees(['1']);
    await event();
    const off = new ForgottenListings(store);
    sees(['1', '2']);
    expect(await appeared({ listings: off })).toBeUndefined();
    expect(await appeared({ listings: off })).toBeUndefined();
    expect(await appeared()).toBeUndefined();
    sees(['1', '2', '3']);
    expect(await appeared()).toEqual(['3']);
  });

  it('are told by one of two scans that end together, or by both', async () => {
    sees(['1']);
    await event();
    sees(['1', '2']);
    const told = await Promise.all([appeared(), appeared({ listings: memory() })]);
    expect(told.flat()).toContain('2');
    expect(await appeared()).toBeUndefined();
  });
});

describe('tags that appear in a repository of a registry without an API of its own', () => {
  let nats: RunningNats;
  let registry: RunningRegistry;
  let scripted: ScriptedTags;
  let fetcher: FetcherUnderTest;
  beforeAll(async () => {
    [nats, registry, scripted] = await Promise.all([startNats(), startRegistry(), ScriptedTags.start()]);
    fetcher = await FetcherUnderTest.start(nats.url, { newTags: true });
  });
  afterAll(async () => {
    await fetcher.stop();
    await Promise.all([nats.stop(), registry.stop(), scripted.close()]);
    scripted.verify();
  });

  it('are found on a real one', async () => {
    const name = RepositoryName.of(registry.host, 'team/app');
    await registry.pushImage('team/app', '1.0');
    await fetcher.track(name, '1.0');
    expect(await fetcher.scanned(name)).toMatchObject({ requests: 2 });
    await registry.pushImage('team/app', '1.1');
    fetcher.ahead = 2 * HOUR_MS;
    expect(await fetcher.scanned(name)).toMatchObject({ requests: 2, changes: 0, appeared: ['1.1'] });
    fetcher.ahead = 0;
  });

  it('do not fail the scan where there is no list, which is not asked for again at once', async () => {
    const name = RepositoryName.of(scripted.host, 'team/app');
    scripted.tags.set('team/app:1', { content: 'v1' });
    scripted.listings.set('team/app', { status: 500, body: '' });
    await fetcher.track(name, '1');
    const event = await fetcher.scanned(name);
    expect(event).toMatchObject({ requests: 2, observations: 1, failures: [] });
    expect(await fetcher.scanned(name)).toMatchObject({ requests: 1 });
  });
});
