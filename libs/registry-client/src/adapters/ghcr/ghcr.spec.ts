import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import {
  digestOf,
  headOf,
  pushedAtOf,
  ScriptedRegistry,
  type ScriptedStep,
  scanOf,
  clientOf,
} from '../../testing/index.ts';
import type { RegistryClient } from '../../registry-client.ts';
import { AdapterChooser } from '../chooser/adapter-chooser.ts';
import type { RegistryAdapter } from '../adapter.ts';

const DAY = 24 * 60 * 60 * 1000;

describe('GHCR', () => {
  let registry: ScriptedRegistry;
  let github: ScriptedRegistry;
  let client: RegistryClient;
  let adapter: RegistryAdapter;
  let name: RepositoryName;
  let clock: Date;
  const recorded = { latest: 'a', '1.0': 'b' };
  const tags = Object.keys(recorded);

  const versions = (rows: Record<string, string[]>, step: Partial<ScriptedStep> = {}, kind = 'orgs'): ScriptedStep => ({
    method: 'GET',
    path: `/${kind}/acme/packages/container/tools%2Fapp/versions?state=active&per_page=100&page=1`,
    authorization: 'Bearer ghp_x',
    headers: { etag: 'W/"e1"' },
    body: JSON.stringify(
      Object.entries(rows).map(([content, names]) => ({
        id: 1,
        name: digestOf(content),
        created_at: '2026-02-01T00:00:00Z',
        updated_at: '2026-02-02T00:00:00Z',
        metadata: { package_type: 'container', container: { tags: names } },
      })),
    ),
    ...step,
  });
  /** A full page of versions, of which the first carry tags. */
  const fullPage = (number: number, named: Record<string, string[]>): ScriptedStep => {
    const rest = Array.from({ length: 100 - Object.keys(named).length }, (_, i) => [`child ${number} ${i}`, []]);
    const step = versions({ ...named, ...(Object.fromEntries(rest) as Record<string, string[]>) });
    return { ...step, path: step.path.replace(/page=1$/, `page=${number}`) };
  };
  const heads = (contents: Readonly<Record<string, string>>): void => {
    for (const [tag, content] of Object.entries(contents)) {
      registry.expect({ ...headOf('acme/tools/app', tag, content), authorization: null });
    }
  };

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    github = await ScriptedRegistry.start();
    clock = new Date('2026-11-20T12:00:00Z');
    client = clientOf({ insecure: { [registry.host]: {}, [github.host]: {} } });
    const chooser = new AdapterChooser(client, {
      families: { [registry.host]: 'ghcr' },
      hosts: { github: new URL(`http://${github.host}`) },
      credentialsOf: (of) => (of === 'ghcr.io' ? { username: 'me', password: 'ghp_x' } : undefined),
      now: () => clock,
    });
    name = RepositoryName.of(registry.host, 'acme/tools/app');
    adapter = chooser.adapterFor(name);
  });

  afterEach(async () => {
    await client.close();
    await Promise.all([registry.close(), github.close()]);
    registry.verify();
    github.verify();
  });

  it('learns by one conditional request that nothing was pushed', async () => {
    github.expect(versions({ a: ['latest'], b: ['1.0'], child: [] }));
    const first = await scanOf(adapter, name, { tags, recorded });
    expect(first.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
    expect(pushedAtOf(first, 'latest')).toBe('2026-02-01T00:00:00.000Z');
    expect(first.summary.listing).toEqual({ tags, complete: true });
    const { cursor } = first.summary;
    for (let i = 0; i < 2; i++) {
      github.expect(versions({}, { status: 304, body: '' }));
      const scan = await scanOf(adapter, name, { tags, recorded, cursor });
      expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
      expect(scan.summary).toMatchObject({ requests: 1, listing: null, cursor });
      expect(github.seen.at(-1)?.headers['if-none-match']).toBe('W/"e1"');
    }
  });

  it('asks for what the newest versions do not name, where something was pushed', async () => {
    github.expect(versions({ a: ['latest'], b: ['1.0'] }));
    const { cursor } = (await scanOf(adapter, name, { tags, recorded })).summary;
    github.expect(versions({ d: ['latest'] }, { headers: { etag: 'W/"e2"' } }));
    heads({ latest: 'd', '1.0': 'b' });
    expect((await scanOf(adapter, name, { tags, recorded, cursor })).tags).toEqual({
      latest: 'observed d',
      '1.0': 'observed b',
    });
  });

  it('asks without a condition in a full scan', async () => {
    github.expect(versions({ a: ['latest'], b: ['1.0'] }));
    const { cursor } = (await scanOf(adapter, name, { tags, recorded })).summary;
    github.expect(versions({ a: ['latest'] }));
    heads({ '1.0': 'c' });
    const scan = await scanOf(adapter, name, { tags, recorded, cursor, full: true });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'observed c' });
    expect(github.seen.at(-1)?.headers['if-none-match']).toBeUndefined();
  });

  it('reads further pages while they name tags that are wanted, and asks for the rest', async () => {
    const many = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`v${i}`, `c${i}`]));
    const page = (...of: number[]): Record<string, string[]> => Object.fromEntries(of.map((i) => [`c${i}`, [`v${i}`]]));
    github.expect(fullPage(1, page(0, 1)));
    github.expect(fullPage(2, page(2, 3, 4)));
    github.expect(fullPage(3, page(5)));
    heads({ v6: 'c6', v7: 'moved' });
    const contents = ['c6', 'moved'];
    const scan = await scanOf(adapter, name, { tags: Object.keys(many), recorded: many }, contents);
    expect(scan.tags).toMatchObject({
      v0: 'agreed',
      v4: 'agreed',
      v5: 'agreed',
      v6: 'observed c6',
      v7: 'observed moved',
    });
    expect(scan.summary).toMatchObject({ requests: 5, listing: { complete: false } });
    github.expect({ ...versions({}, { status: 304, body: '' }) });
    const again = { ...many, v7: 'moved' };
    const second = await scanOf(adapter, name, {
      tags: Object.keys(many),
      recorded: again,
      cursor: scan.summary.cursor,
    });
    expect(second.summary.requests).toBe(1);
    expect(github.seen.at(-1)?.headers['if-none-match']).toBe('W/"e1"');
  });

  it('takes what the first page told where a further one fails', async () => {
    const more = { ...recorded, '0.9': 'c', '0.8': 'd' };
    github.expect(fullPage(1, { a: ['latest'], b: ['1.0'] }));
    github.expect({ ...fullPage(2, {}), status: 403, headers: { 'x-ratelimit-remaining': '0', 'retry-after': '60' } });
    heads({ '0.9': 'c', '0.8': 'd' });
    const scan = await scanOf(adapter, name, { tags: Object.keys(more), recorded: more });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed', '0.9': 'observed c', '0.8': 'observed d' });
    expect(scan.summary).toMatchObject({ requests: 4, listing: { complete: false } });
  });

  it('finds out once whether the owner is a person', async () => {
    github.expect(versions({}, { status: 404 }));
    github.expect({ ...versions({ a: ['latest'], b: ['1.0'] }, {}, 'users'), times: 2 });
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(2);
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(1);
  });

  it('does without for a day where the token does not show the package', async () => {
    for (const kind of ['orgs', 'users']) github.expect(versions({}, { status: 404 }, kind));
    heads(recorded);
    heads(recorded);
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(4);
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(2);
    github.expect(versions({}, { status: 403 }));
    heads(recorded);
    clock = new Date(clock.getTime() + DAY);
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(3);
  });

  it.each<[string, Partial<ScriptedStep>]>([
    ['429', { status: 429, headers: { 'retry-after': '3600' } }],
    [
      '403 and nothing remaining',
      { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1795179600' } },
    ],
  ])('goes on by HEAD while GitHub limits its API by %s: that is not the registry', async (_words, limited) => {
    github.expect(versions({}, limited));
    heads(recorded);
    heads(recorded);
    const scan = await scanOf(adapter, name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'observed a', '1.0': 'observed b' });
    expect(scan.summary.requests).toBe(3);
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(2);
    clock = new Date(clock.getTime() + 60 * 60 * 1000);
    // Limited once more: an answer of GitHub's could be followed by the repository's sample of the day, whose time is chance.
    github.expect(versions({}, limited));
    heads(recorded);
    expect((await scanOf(adapter, name, { tags, recorded })).summary.requests).toBe(3);
  });

  it('is asked by the plain protocol without a token', () => {
    const chooser = new AdapterChooser(client, { families: { [registry.host]: 'ghcr' } });
    expect(chooser.adapterFor(name).name).toBe('oci');
  });
});
