import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName, type Digest } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { ClientReader, type AdapterCheck } from '../registries/client-reader.ts';
import { digestsOf, FetcherUnderTest } from '../testing/fetcher-under-test.ts';

type Adapter = ReturnType<ConstructorParameters<typeof ClientReader>[0]>;
type Request = Parameters<Adapter['scan']>[1];

const A = `sha256:${'a'.repeat(64)}` as Digest;
const B = `sha256:${'b'.repeat(64)}` as Digest;
const DAY_MS = 24 * 3_600_000;

/** A registry that tells of all its tags in one list, which may lag behind what the registry itself says. */
class ListingAdapter implements Adapter {
  readonly name = 'listing';
  /** What the registry itself points to. */
  digest = A;
  /** What its list says. */
  listed = A;
  /** Which of them the registry itself has. */
  has: (tag: string) => boolean = () => true;
  /** Tags whose digests the list has wrong, so that the registry itself is asked. */
  mistaken: readonly string[] = [];
  provenAt: Date | null = null;
  readonly requests: Request[] = [];
  /** Names of its own list; null: nobody needs it. */
  names: string[] | null = null;

  constructor(private readonly now: () => Date) {}

  async *scan(_name: RepositoryName, request: Request): ReturnType<Adapter['scan']> {
    this.requests.push(request);
    let requests = 1;
    for (const tag of request.tags) {
      if (request.known?.(tag) === this.listed && !this.mistaken.includes(tag)) {
        yield { tag, outcome: 'agreed', requests: 0, ...(this.provenAt === null ? {} : { provenAt: this.provenAt }) };
        continue;
      }
      requests++;
      const at = this.now();
      const times = { sentAt: at, receivedAt: at, requests: 1 };
      const answer = { outcome: 'present', digest: this.digest, mediaType: '', source: 'head', ...times } as const;
      yield { tag, outcome: 'observed', observation: this.has(tag) ? answer : { outcome: 'absent', ...times } };
    }
    return { listing: null, cursor: `cursor-${this.requests.length}`, requests, disagreements: 0, sampled: 1 };
  }

  listTags(): ReturnType<Adapter['listTags']> {
    if (this.names === null) return Promise.reject(new Error('nobody needs the list'));
    return Promise.resolve({ tags: this.names, complete: true, requests: 1 });
  }
}

describe('a repository whose registry lists its tags with their digests', () => {
  let server: RunningNats;
  let fetcher: FetcherUnderTest;
  let adapter: ListingAdapter;
  let checks: AdapterCheck[];
  let name: RepositoryName;
  let number = 0;

  const scan = () =>
    fetcher.scanned(
      name,
      {},
      {
        reader: new ClientReader(
          () => adapter,
          4,
          (_host, _adapter, check) => checks.push(check),
        ),
      },
    );
  const lastSeen = async () => (await fetcher.parts.scanState.read(name)).tags.get('1')?.lastSeenAt;

  beforeAll(async () => {
    server = await startNats();
    fetcher = await FetcherUnderTest.start(server.url);
  });

  beforeEach(async () => {
    adapter = new ListingAdapter(() => fetcher.parts.now());
    checks = [];
    fetcher.ahead = 0;
    name = RepositoryName.of('registry.example.org', `team/app${number++}`);
    await fetcher.track(name, '1', '2');
    await scan();
  });

  afterAll(async () => {
    await fetcher.stop();
    await server.stop();
  });

  it('takes an agreeing list for unchanged at one request for all tags, and moves no bound by it', async () => {
    const before = await lastSeen();
    const event = await scan();
    expect(event).toMatchObject({ requests: 1, observations: 2, changes: 0, adapter: 'listing' });
    expect(event.coverage).toEqual({ mode: 'all-but', tags: [] });
    expect(await lastSeen()).toEqual(before);
    expect(checks.at(-1)).toEqual({ sampled: 1, disagreements: 0 });
  });

  it('moves the bound where the registry proves by its own timestamps that the tag was as it was', async () => {
    adapter.provenAt = new Date(Date.now() + 1_000);
    await scan();
    expect(await lastSeen()).toEqual(adapter.provenAt);
  });

  it('records what the registry itself says, never what a list says', async () => {
    adapter.listed = B;
    expect(await scan()).toMatchObject({ changes: 0 });
    adapter.digest = B;
    expect(await scan()).toMatchObject({ changes: 2 });
    expect(await digestsOf(fetcher.nc, name, '1')).toEqual([A, B]);
  });

  it('gives the next scan what the last one left, and looks at everything once a day', async () => {
    await scan();
    await scan();
    expect(adapter.requests.map(({ cursor, full }) => ({ cursor, full }))).toEqual([
      { cursor: undefined, full: true },
      { cursor: 'cursor-1', full: false },
      { cursor: 'cursor-2', full: false },
    ]);
    fetcher.ahead = DAY_MS;
    await scan();
    expect(adapter.requests.at(-1)).toMatchObject({ full: true, cursor: undefined });
    await scan();
    expect(adapter.requests.at(-1)).toMatchObject({ full: false, cursor: 'cursor-4' });
  });

  it('looks at everything soon where the clock was ahead when it last did', async () => {
    fetcher.ahead = 30 * DAY_MS;
    await scan();
    fetcher.ahead = 0;
    await scan();
    expect(adapter.requests.at(-1)).toMatchObject({ full: true, cursor: undefined });
    await scan();
    expect(adapter.requests.at(-1)).toMatchObject({ full: false });
  });

  describe('that no longer has a tag', () => {
    const HOUR_MS = 3_600_000;
    beforeEach(() => {
      adapter.names = ['2'];
    });

    it('is asked for it itself until that is certain, although its list still names it', async () => {
      adapter.has = (tag) => tag !== '1';
      adapter.mistaken = ['1'];
      expect(await scan()).toMatchObject({ missing: ['1'], changes: 0 });
      adapter.mistaken = [];
      fetcher.ahead = 2 * HOUR_MS;
      expect(await scan()).toMatchObject({ missing: ['1'], changes: 1 });
      expect(await digestsOf(fetcher.nc, name, '1')).toEqual([A, null]);
    });

    it('is not taken for well because its list names others', async () => {
      adapter.names = ['1', '2'];
      adapter.has = () => false;
      adapter.mistaken = ['1'];
      await scan();
      fetcher.ahead = 2 * HOUR_MS;
      expect(await scan()).toMatchObject({ missing: ['1'], changes: 0 });
      adapter.has = () => true;
      expect(await scan()).toMatchObject({ missing: [], changes: 0 });
      expect(await digestsOf(fetcher.nc, name, '1')).toEqual([A]);
    });
  });
});
