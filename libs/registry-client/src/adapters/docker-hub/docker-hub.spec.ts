import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import type { RegistryCredentials } from '../../registry-access.ts';
import type { RegistryClient } from '../../registry-client.ts';
import {
  clientOf,
  digestOf,
  headOf,
  pushedAtOf,
  ScriptedRegistry,
  type ScriptedStep,
  scanOf,
} from '../../testing/index.ts';
import { AdapterChooser } from '../chooser/adapter-chooser.ts';
import type { RegistryAdapter } from '../adapter.ts';

const NEWEST = Date.parse('2026-11-20T12:00:00Z');
const MINUTE = 60 * 1000;

interface HubRow {
  tag: string;
  content: string | null;
  /** Minutes before the newest. */
  age: number | null;
}

describe('Docker Hub', () => {
  let registry: ScriptedRegistry;
  let hub: ScriptedRegistry;
  let client: RegistryClient;
  let name: RepositoryName;
  let adapter: RegistryAdapter;

  const start = (credentials?: RegistryCredentials): void => {
    client = clientOf({ insecure: { [registry.host]: {}, [hub.host]: {} } });
    const chooser = new AdapterChooser(client, {
      families: { [registry.host]: 'docker-hub' },
      hosts: { dockerHub: new URL(`http://${hub.host}`) },
      credentialsOf: (of) => (of === 'docker.io' ? credentials : undefined),
    });
    name = RepositoryName.of(registry.host, 'library/nginx');
    adapter = chooser.adapterFor(name);
  };
  const timeOf = (age: number): string => new Date(NEWEST - age * MINUTE).toISOString();
  const pathOf = (page: number): string =>
    `/v2/repositories/library/nginx/tags/?page=${page}&page_size=100&ordering=last_updated`;
  const page = (number: number, rows: HubRow[], total: number, more = false): ScriptedStep => ({
    method: 'GET',
    path: pathOf(number),
    authorization: null,
    body: JSON.stringify({
      count: total,
      next: more ? `https://elsewhere.example.com/?page=${number + 1}` : null,
      previous: null,
      results: rows.map(({ tag, content, age }) => ({
        name: tag,
        digest: content === null ? null : digestOf(content),
        last_updated: age === null ? null : timeOf(age),
        tag_last_pushed: age === null ? null : timeOf(age + 1),
        content_type: 'image',
        tag_status: 'active',
        images: [{ architecture: 'amd64', digest: digestOf('platform'), size: 1 }],
      })),
    }),
  });
  const filler = (count: number, age: number): HubRow[] =>
    Array.from({ length: count }, (_, i) => ({ tag: `filler-${age}-${i}`, content: 'c', age }));
  const recorded = { latest: 'a', '1.27': 'b' };
  const tags = Object.keys(recorded);
  const first = [
    { tag: 'latest', content: 'a', age: 0 },
    { tag: '1.27', content: 'b', age: 60 },
  ];

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    hub = await ScriptedRegistry.start();
    start();
  });

  afterEach(async () => {
    await client.close();
    await Promise.all([registry.close(), hub.close()]);
    registry.verify();
    hub.verify();
  });

  it('learns a hundred tags by one request', async () => {
    hub.expect(page(1, [...first, ...filler(98, 100)], 100));
    const scan = await scanOf(adapter, name, { tags, recorded });
    expect(adapter.name).toBe('docker-hub');
    expect(scan.tags).toEqual({ latest: 'agreed', '1.27': 'agreed' });
    expect(pushedAtOf(scan, '1.27')).toBe(timeOf(61));
    expect(scan.answers.get('latest')).not.toHaveProperty('provenAt');
    expect(scan.summary).toMatchObject({ requests: 1, listing: { complete: true, total: 100 } });
    expect(scan.summary.listing?.tags).toHaveLength(100);
  });

  it('takes a digest of null for unknown, and rows without a time as they are', async () => {
    hub.expect(
      page(
        1,
        [
          { tag: 'latest', content: null, age: null },
          { tag: '1.27', content: 'd', age: null },
        ],
        2,
      ),
    );
    registry.expect(headOf('library/nginx', 'latest', 'a'), headOf('library/nginx', '1.27', 'd'));
    const scan = await scanOf(adapter, name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'observed a', '1.27': 'observed d' });
    expect(scan.summary).not.toHaveProperty('cursor');
  });

  it('reads on without a cursor until every tag was found, by its own page numbers', async () => {
    const more = [{ tag: '1.26', content: 'c', age: 300 }];
    hub.expect(page(1, [first[0] as HubRow, ...filler(99, 10)], 250, true));
    hub.expect(page(2, [first[1] as HubRow, ...more, ...filler(98, 200)], 250, true));
    const scan = await scanOf(adapter, name, { tags: [...tags, '1.26'], recorded: { ...recorded, '1.26': 'c' } });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.27': 'agreed', '1.26': 'agreed' });
    expect(scan.summary).toMatchObject({ requests: 2, listing: { complete: false, total: 250 } });
  });

  it('does not read a page for a single tag', async () => {
    hub.expect(page(1, [first[0] as HubRow, ...filler(99, 10)], 250, true));
    registry.expect(headOf('library/nginx', '1.27', 'b'));
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(2);
  });

  describe('with a cursor', () => {
    let cursor: string | undefined;

    beforeEach(async () => {
      hub.expect(page(1, [...first, ...filler(98, 100)], 300, true));
      cursor = (await scanOf(adapter, name, { tags, recorded })).summary.cursor;
      expect(cursor?.length).toBeLessThanOrEqual(200);
    });

    it('stops at the first tag that is older, and takes the others for unchanged', async () => {
      const rows = [{ tag: 'latest', content: 'd', age: -30 }, ...filler(99, 11)];
      hub.expect(page(1, rows, 300, true));
      registry.expect(headOf('library/nginx', 'latest', 'd'));
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.tags).toEqual({ latest: 'observed d', '1.27': 'agreed' });
      expect(scan.summary).toMatchObject({ requests: 2, listing: { complete: false } });
      expect(scan.summary.cursor).toBeDefined();
    });

    it('reads what was pushed shortly before the newest tag of the last time once more', async () => {
      hub.expect(page(1, filler(100, 9), 300, true));
      hub.expect(page(2, [...filler(99, 10), { tag: '1.27', content: 'd', age: 10 }], 300, true));
      registry.expect(headOf('library/nginx', 'latest', 'a'), headOf('library/nginx', '1.27', 'd'));
      expect((await scanOf(adapter, name, { tags, recorded, cursor })).tags).toEqual({
        latest: 'observed a',
        '1.27': 'observed d',
      });
    });

    it.each([
      ['a tag less', 299],
      ['more tags more than were pushed', 302],
    ])('forgets the cursor where there is %s', async (_words, total) => {
      const rows = [{ tag: 'new', content: 'd', age: -30 }, ...filler(99, 11)];
      hub.expect(page(1, rows, total, true));
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.summary.listing?.total).toBe(total);
      expect(scan.summary).not.toHaveProperty('cursor');
    });

    it('keeps it where the tags more were pushed since', async () => {
      hub.expect(page(1, [{ tag: 'new', content: 'd', age: -30 }, ...filler(99, 11)], 301, true));
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.summary.cursor).toBeDefined();
      expect(scan.summary.listing?.tags).toContain('new');
    });

    it('takes nothing for unchanged in a full scan', async () => {
      hub.expect(page(1, filler(100, 11), 300, true));
      hub.expect(page(2, filler(100, 12), 300, true));
      registry.expect(headOf('library/nginx', 'latest', 'a'), headOf('library/nginx', '1.27', null));
      expect((await scanOf(adapter, name, { tags, recorded, cursor, full: true })).tags).toEqual({
        latest: 'observed a',
        '1.27': 'absent',
      });
    });

    it('asks for what is in a complete list no more', async () => {
      hub.expect(page(1, [first[0] as HubRow], 1));
      registry.expect(headOf('library/nginx', '1.27', null));
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.tags).toEqual({ latest: 'agreed', '1.27': 'absent' });
      expect(scan.summary.listing).toEqual({ tags: ['latest'], complete: true, total: 1 });
    });

    it.each(['', 'nonsense', 'AAAAAAAAAAAA.{"w":"x"}', `AAAAAAAAAAAA.${'x'.repeat(100)}`])(
      'does not stumble over a strange one: %s',
      async (strange) => {
        hub.expect(page(1, [...first, ...filler(98, 100)], 300, true));
        const scan = await scanOf(adapter, name, { tags, recorded, cursor: strange });
        expect(scan.tags).toEqual({ latest: 'agreed', '1.27': 'agreed' });
      },
    );
  });

  it('takes the refusal of a far page for the end of what it is shown, and remembers where', async () => {
    const message = 'pagination offset too large for anonymous requests; sign in to page further';
    const refusal: ScriptedStep = {
      method: 'GET',
      path: pathOf(2),
      status: 403,
      body: JSON.stringify({ message, errinfo: {} }),
    };
    const far = { ...recorded, 'old-1': 'c', 'old-2': 'd' };
    hub.expect({ ...page(1, [...first, ...filler(98, 10)], 2000, true), times: 2 }, refusal);
    for (let i = 0; i < 2; i++) {
      registry.expect(headOf('library/nginx', 'old-1', 'c'), headOf('library/nginx', 'old-2', null));
      const scan = await scanOf(adapter, name, { tags: Object.keys(far), recorded: far });
      expect(scan.tags).toEqual({ latest: 'agreed', '1.27': 'agreed', 'old-1': 'observed c', 'old-2': 'absent' });
      expect(scan.summary).toMatchObject({ requests: i === 0 ? 4 : 3, listing: { complete: false, total: 2000 } });
    }
  });

  it.each([403, 404, 500])('asks the registry where the API answers %d', async (status) => {
    hub.expect({ method: 'GET', path: pathOf(1), status });
    registry.expect(headOf('library/nginx', 'latest', 'a'), headOf('library/nginx', '1.27', 'b'));
    const scan = await scanOf(adapter, name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'observed a', '1.27': 'observed b' });
    expect(scan.summary).toMatchObject({ requests: 3, listing: null });
  });

  it('keeps what it has where a later page fails', async () => {
    hub.expect(page(1, [first[0] as HubRow, ...filler(99, 10)], 300, true));
    hub.expect({ method: 'GET', path: pathOf(2), status: 502 });
    registry.expect(headOf('library/nginx', '1.27', 'b'), headOf('library/nginx', '1.26', 'c'));
    const more = { ...recorded, '1.26': 'c' };
    const scan = await scanOf(adapter, name, { tags: Object.keys(more), recorded: more });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.27': 'observed b', '1.26': 'observed c' });
    expect(scan.summary).toMatchObject({ requests: 4, listing: { complete: false } });
  });

  describe('with an account', () => {
    const login = (status: number, body: object): ScriptedStep => ({
      method: 'POST',
      path: '/v2/auth/token',
      authorization: null,
      sent: '{"identifier":"someone","secret":"pat"}',
      status,
      body: JSON.stringify(body),
    });

    beforeEach(async () => {
      await client.close();
      start({ username: 'someone', password: 'pat' });
    });

    it('signs in once, and shows the token to the API alone', async () => {
      hub.expect(login(200, { access_token: 'T' }));
      hub.expect({ ...page(1, [...first, ...filler(2, 100)], 4), authorization: 'Bearer T', times: 2 });
      registry.expect({ ...headOf('library/nginx', 'latest', 'd'), authorization: null });
      expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(2);
      const moved = { ...recorded, latest: 'c' };
      expect((await scanOf(adapter, name, { tags, recorded: moved })).tags['latest']).toBe('observed d');
    });

    it('goes on without one where it is refused', async () => {
      hub.expect(login(401, { detail: 'no' }));
      hub.expect({ ...page(1, first, 2), times: 2 });
      expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(2);
      expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(1);
    });

    it('asks once without a token that ended early', async () => {
      hub.expect(login(200, { token: 'T' }));
      hub.expect({ method: 'GET', path: pathOf(1), authorization: 'Bearer T', status: 401 });
      hub.expect(page(1, first, 2));
      expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(3);
    });
  });
});
