import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import type { RegistryClient } from './registry-client.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { firstPage, listLimit } from './tag-listing.ts';
import { MAX_TAG_NAMES } from './tag-names.ts';
import { clientOf, failureOf, ScriptedRegistry, type ScriptedStep } from './testing/index.ts';

const base = '/v2/team/app/tags/list';
const page = (query: string, tags: unknown, link?: string): ScriptedStep => ({
  method: 'GET',
  path: base + query,
  body: JSON.stringify({ name: 'team/app', tags }),
  ...(link === undefined ? {} : { headers: { link } }),
});

describe('RegistryClient.listTags', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;
  let name: RepositoryName;

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    client = clientOf({
      insecure: { [registry.host]: {} },
      limits: { pages: 4, tagList: { bytes: 100_000, values: 10_000 } },
    });
    name = RepositoryName.of(registry.host, 'team/app');
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  it("lists one page, in the registry's order", async () => {
    registry.expect(page('?n=1000', ['2.0', '1.0', 'latest']));
    expect(await client.listTags(name)).toEqual({ tags: ['2.0', '1.0', 'latest'], complete: true, requests: 1 });
  });

  it.each<[string, (host: string) => string]>([
    ['a relative path', () => `<${base}?n=1000&last=a>; rel="next"`],
    ['a query alone', () => '<?n=1000&last=a>; rel=next'],
    ['an absolute address', (host) => `<http://${host}${base}?n=1000&last=a>; rel="next"`],
    ['another scheme, as behind a proxy', (host) => `<https://${host}${base}?n=1000&last=a>; rel="next"`],
    ['a wrong path, as Artifactory does', () => `</v2/app/tags/list?n=1000&last=a>; rel="next"`],
    ['several links', () => `</x>; rel="prev", <${base}?n=1000&last=a>; title="a, b"; rel="last next"`],
    ['no host, two slashes aside', (host) => `<//${host}${base}?n=1000&last=a>; rel="next"`],
  ])('follows a Link with %s', async (_name, link) => {
    registry.expect(page('?n=1000', ['a'], link(registry.host)), page('?n=1000&last=a', ['b', 'a']));
    expect(await client.listTags(name)).toEqual({ tags: ['a', 'b'], complete: true, requests: 2 });
  });

  it('drops what is no tag', async () => {
    registry.expect(page('?n=1000', ['1.0', '', '-x', 'a/b', 'a b', 7, null, {}, 'x'.repeat(129), '__proto__', '1.0']));
    expect((await client.listTags(name)).tags).toEqual(['1.0', '__proto__']);
  });

  it('reads null as no tags', async () => {
    registry.expect(page('?n=1000', null));
    expect(await client.listTags(name)).toEqual({ tags: [], complete: true, requests: 1 });
  });

  it('reads a compressed list', async () => {
    const body = gzipSync(JSON.stringify({ tags: ['1.0'] }));
    registry.expect({ method: 'GET', path: `${base}?n=1000`, body, headers: { 'content-encoding': 'gzip' } });
    expect((await client.listTags(name)).tags).toEqual(['1.0']);
    expect(registry.seen[0]?.headers['accept-encoding']).toBe('gzip');
  });

  it.each<[string, Partial<ScriptedStep>, string]>([
    [
      'a compressed bomb',
      { body: gzipSync(Buffer.alloc(10_000_000, ' ')), headers: { 'content-encoding': 'gzip' } },
      'too large',
    ],
    ['what is not gzip', { body: '{"tags":[]}', headers: { 'content-encoding': 'gzip' } }, 'not the gzip'],
    ['an unknown encoding', { body: '{"tags":[]}', headers: { 'content-encoding': 'br' } }, 'encoded as "br"'],
    ['too much', { body: JSON.stringify({ tags: ['x'.repeat(100_001)] }) }, 'too large'],
    ['HTML', { body: '<html>' }, 'not JSON'],
    ['no list', { body: '{"errors":[]}' }, 'no list of tags'],
    ['a string for a list', { body: '{"tags":"1.0"}' }, 'no list of tags'],
    ['a broken Link', { body: '{"tags":[]}', headers: { link: 'next' } }, 'Link header'],
    ['a Link that is no address', { body: '{"tags":[]}', headers: { link: '<http://[>; rel="next"' } }, 'no address'],
  ])('does not believe %s', async (_name, step, words) => {
    registry.expect({ method: 'GET', path: `${base}?n=1000`, ...step });
    const failure = await failureOf(client.listTags(name));
    expect(failure).toMatchObject({ code: 'bad-answer', reference: `${registry.host}/team/app` });
    expect(failure.reason).toContain(words);
  });

  it('bounds all pages together', async () => {
    const tags = Array.from({ length: 600 }, (_, i) => `${i}${'x'.repeat(100)}`);
    registry.expect(page('?n=1000', tags, '<?last=1>; rel="next"'), page('?last=1', tags));
    expect(await failureOf(client.listTags(name))).toMatchObject({ code: 'bad-answer' });
  });

  it.each([
    ['names', 'a'],
    ['lists', []],
    ['objects', {}],
  ])('makes nothing of a small body of more %s than any list has', async (_what, value) => {
    registry.expect(
      page(
        '?n=1000',
        Array.from({ length: 10_000 }, () => value),
      ),
    );
    const failure = await failureOf(client.listTags(name));
    expect(failure).toMatchObject({ code: 'bad-answer', requests: 1 });
    expect(failure.reason).toContain('too large');
  });

  it('keeps as many names as it may, asks for no more, and says that the list is not complete', async () => {
    await client.close();
    client = clientOf({ insecure: { [registry.host]: {} } });
    const tags = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `t${from + i}`);
    const half = MAX_TAG_NAMES / 2;
    registry.expect(
      page('?n=1000', tags(0, half), '<?last=1>; rel="next"'),
      page('?last=1', tags(half, half + 1), '<?last=2>; rel="next"'),
    );
    const listed = await client.listTags(name);
    expect(listed).toMatchObject({ complete: false, requests: 2 });
    expect(listed.tags).toHaveLength(MAX_TAG_NAMES);
    registry.expect(page('?n=1000', tags(0, MAX_TAG_NAMES + 1)));
    expect(await client.listTags(name)).toMatchObject({ complete: false, requests: 1 });
    registry.expect(page('?n=1000', tags(0, MAX_TAG_NAMES)));
    expect(await client.listTags(name)).toMatchObject({ complete: true, requests: 1 });
  });

  it('keeps fewer names where they are long', async () => {
    await client.close();
    client = clientOf({ insecure: { [registry.host]: {} } });
    registry.expect(
      page(
        '?n=1000',
        Array.from({ length: 70_000 }, (_, i) => String(i).padEnd(128, 'x')),
      ),
    );
    const listed = await client.listTags(name);
    expect(listed.complete).toBe(false);
    expect(listed.tags).toHaveLength((8 * 1024 * 1024) / 128);
  });

  it('stops where pages repeat, and says that the list is not complete', async () => {
    registry.expect(page('?n=1000', ['a'], '<?last=a>; rel="next"'), page('?last=a', ['b'], '<?last=a>; rel="next"'));
    expect(await client.listTags(name)).toEqual({ tags: ['a', 'b'], complete: false, requests: 2 });
  });

  it('stops after as many pages as allowed', async () => {
    registry.expect(
      page('?n=1000', ['a'], '<?last=1>; rel="next"'),
      page('?last=1', ['b'], '<?last=2>; rel="next"'),
      page('?last=2', ['c'], '<?last=3>; rel="next"'),
      page('?last=3', ['d'], '<?last=4>; rel="next"'),
    );
    expect(await client.listTags(name)).toMatchObject({ tags: ['a', 'b', 'c', 'd'], complete: false });
  });

  it("keeps what it has where the cursor's tag was deleted", async () => {
    registry.expect(page('?n=1000', ['a'], '<?last=a>; rel="next"'), {
      method: 'GET',
      path: `${base}?last=a`,
      status: 404,
    });
    expect(await client.listTags(name)).toEqual({ tags: ['a'], complete: false, requests: 2 });
  });

  it.each([
    [404, 'not-found'],
    [403, 'unauthorized'],
    [500, 'server-error'],
    [418, 'bad-answer'],
  ] as const)('says what a %d means', async (status, code) => {
    registry.expect({ method: 'GET', path: `${base}?n=1000`, status });
    expect(await failureOf(client.listTags(name))).toMatchObject({ code, operation: 'list the tags of', requests: 1 });
  });
});

describe('firstPage', () => {
  it.each(['docker.io', 'registry.k8s.io', 'gcr.io', 'eu.gcr.io', 'europe-docker.pkg.dev', 'mcr.microsoft.com'])(
    'asks %s for all at once',
    (registry) => {
      expect(firstPage(registry, 'team/app')).toBe(base);
    },
  );

  it.each(['ghcr.io', 'quay.io', 'public.ecr.aws', 'notgcr.io', 'gcr.io:5000'])('asks %s for a page', (registry) => {
    expect(firstPage(registry, 'team/app')).toBe(`${base}?n=1000`);
  });
});

describe('listLimit', () => {
  it.each(['gcr.io', 'eu.gcr.io', 'registry.k8s.io', 'europe-docker.pkg.dev'])(
    'lets %s name its manifests too',
    (registry) => {
      expect(listLimit(registry, DEFAULT_LIMITS)).toBe(DEFAULT_LIMITS.wholeList);
    },
  );

  it.each(['docker.io', 'notgcr.io', 'gcr.io.example.com', 'gcr.io:5000'])('does not let %s', (registry) => {
    expect(listLimit(registry, DEFAULT_LIMITS)).toBe(DEFAULT_LIMITS.tagList);
  });
});
