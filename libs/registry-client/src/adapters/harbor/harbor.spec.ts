import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, headOf, pushedAtOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';

describe('Harbor', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b', '2.0': 'c' };
  const tags = Object.keys(recorded);
  const artifacts = (page: number, contents: Record<string, string[]>, filler = 0): ScriptedStep => ({
    method: 'GET',
    path: `/api/v2.0/projects/library/repositories/tools%252Fapp/artifacts?with_tag=true&page_size=100&page=${page}&q=tags%3D*&sort=-push_time`,
    authorization: null,
    headers: { 'x-total-count': '250' },
    body: JSON.stringify([
      ...Object.entries(contents).map(([content, names]) => ({
        digest: digestOf(content),
        manifest_media_type: 'x',
        push_time: '2026-01-01T00:00:00.000Z',
        tags: names.map((name) => ({ name, push_time: '2026-02-01T00:00:00.000Z', immutable: false })),
      })),
      ...Array.from({ length: filler }, (_, i) => ({ digest: digestOf(`filler ${page} ${i}`), tags: null })),
    ]),
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('harbor', 'library/tools/app');
  });

  afterEach(() => scene.end());

  it('learns the tags of a hundred artifacts by one request', async () => {
    scene.registry.expect(artifacts(1, { a: ['latest', '3.0'], b: ['1.0'], c: ['2.0'] }));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed', '2.0': 'agreed' });
    expect(pushedAtOf(scan, 'latest')).toBe('2026-02-01T00:00:00.000Z');
    expect(scan.summary).toMatchObject({ requests: 1, listing: { complete: true } });
    expect(scan.summary).not.toHaveProperty('cursor');
  });

  it('reads until all tags are found, however old their artifacts', async () => {
    scene.registry.expect(artifacts(1, { a: ['latest'] }, 99), artifacts(2, { b: ['1.0'], c: ['2.0'] }, 98));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed', '2.0': 'agreed' });
    expect(scan.summary).toMatchObject({ requests: 2, listing: { complete: false } });
  });

  it('reads no more pages than it has tags to find', async () => {
    for (const page of [1, 2, 3]) scene.registry.expect(artifacts(page, {}, 100));
    for (const [tag, content] of Object.entries(recorded)) {
      scene.registry.expect(headOf('library/tools/app', tag, content));
    }
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(6);
  });

  it('breaks off a list of more tags than any repository has, and asks for the tags that it did not find', async () => {
    const many = (page: number): Record<string, string[]> =>
      Object.fromEntries(
        Array.from({ length: 100 }, (_, i) => [
          `${page} ${i}`,
          Array.from({ length: 800 }, (_unused, k) => `t${page}-${i}-${k}`),
        ]),
      );
    const bare = (page: number): ScriptedStep => ({
      ...artifacts(page, {}),
      body: JSON.stringify(
        Object.entries(many(page)).map(([content, names]) => ({
          digest: digestOf(content),
          tags: names.map((name) => ({ name })),
        })),
      ),
    });
    scene.registry.expect(bare(1), bare(2), bare(3));
    const wanted = [...tags, '3.0'];
    for (const [tag, content] of Object.entries({ ...recorded, '3.0': 'd' })) {
      scene.registry.expect(headOf('library/tools/app', tag, content));
    }
    const scan = await scanOf(scene.adapter, scene.name, { tags: wanted, recorded });
    expect(scan.tags['3.0']).toBe('observed d');
    expect(scan.summary).toMatchObject({ requests: 7, listing: { complete: false } });
    expect(scan.summary.listing?.tags).toHaveLength(200_000);
  });

  it('makes nothing of a page of more values than any has', async () => {
    scene.registry.expect({ ...artifacts(1, {}), body: `[${Array.from({ length: 250_000 }, () => 1).join(',')}]` });
    for (const [tag, content] of Object.entries(recorded)) {
      scene.registry.expect(headOf('library/tools/app', tag, content));
    }
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.summary).toMatchObject({ requests: 4, listing: null });
  });

  it('shows its account to the registry at once', async () => {
    await scene.end();
    const credentials = { username: 'robot$me', password: 'secret' };
    scene = await ScriptedScene.start('harbor', 'library/tools/app', { credentials });
    const authorization = `Basic ${Buffer.from('robot$me:secret').toString('base64')}`;
    scene.registry.expect({ ...artifacts(1, { a: ['latest'], b: ['1.0'], c: ['2.0'] }), authorization });
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(1);
  });

  it('asks for each tag where there is no project, or no access to it', async () => {
    scene.registry.expect({ ...artifacts(1, {}), status: 401 });
    for (const [tag, content] of Object.entries(recorded)) {
      scene.registry.expect(headOf('library/tools/app', tag, content));
    }
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(4);
    await scene.end();
    scene = await ScriptedScene.start('harbor', 'alone');
    for (const [tag, content] of Object.entries(recorded)) scene.registry.expect(headOf('alone', tag, content));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(3);
  });
});
