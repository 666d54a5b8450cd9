import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, headOf, pushedAtOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';

describe('zot', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b', '2.0': 'c' };
  const tags = Object.keys(recorded);

  const pathOf = (offset: number, times = ' TaggedTimestamp'): string => {
    const query = `{ImageList(repo:"team/app",requestedPage:{limit:200,offset:${offset},sortBy:ALPHABETIC_ASC}){Page{TotalCount} Results{RepoName Tag Digest${times}}}}`;
    return `/v2/_zot/ext/search?${new URLSearchParams({ query }).toString()}`;
  };
  const images = (rows: [string, string][], total = rows.length, filler = 0): string =>
    JSON.stringify({
      data: {
        ImageList: {
          Page: { TotalCount: total },
          Results: [
            ...rows.map(([Tag, content]) => ({
              RepoName: 'team/app',
              Tag,
              Digest: digestOf(content),
              TaggedTimestamp: '2026-02-01T00:00:00Z',
            })),
            ...Array.from({ length: filler }, (_, i) => ({
              RepoName: 'team/app',
              Tag: `f${i}`,
              Digest: digestOf('f'),
            })),
            { RepoName: 'team/app-2', Tag: 'latest', Digest: digestOf('other') },
          ],
        },
      },
    });
  const list = (body: string, step: Partial<ScriptedStep> = {}): ScriptedStep => ({
    method: 'GET',
    path: pathOf(0),
    body,
    ...step,
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('zot', 'team/app');
  });

  afterEach(() => scene.end());

  it('learns two hundred tags by one request', async () => {
    scene.registry.expect(list(images(Object.entries(recorded))));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed', '2.0': 'agreed' });
    expect(pushedAtOf(scan, 'latest')).toBe('2026-02-01T00:00:00.000Z');
    expect(scan.summary).toMatchObject({ requests: 1, listing: { tags, complete: true } });
  });

  it('reads on while tags are missing', async () => {
    scene.registry.expect(list(images([['latest', 'a']], 203, 198)));
    scene.registry.expect(
      list(
        images(
          [
            ['1.0', 'b'],
            ['2.0', 'c'],
          ],
          203,
        ),
        { path: pathOf(200) },
      ),
    );
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(2);
  });

  it.each([200, 422])('asks an old one without times, told so by %d, and remembers it', async (status) => {
    const body = JSON.stringify({
      errors: [{ message: 'Cannot query field "TaggedTimestamp" on type "ImageSummary".' }],
    });
    scene.registry.expect(list(body, { status }));
    scene.registry.expect(list(images(Object.entries(recorded)), { path: pathOf(0, ''), times: 2 }));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(2);
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(1);
  });

  it('signs in as it is asked to', async () => {
    await scene.end();
    scene = await ScriptedScene.start('zot', 'team/app', { credentials: { username: 'me', password: 'secret' } });
    const headers = { 'www-authenticate': 'Basic realm="zot"' };
    scene.registry.expect(list('', { status: 401, headers, authorization: null }));
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    scene.registry.expect(list(images(Object.entries(recorded)), { authorization }));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(2);
  });

  it.each([
    ['is switched off', { status: 404 }],
    ['fails', { body: '{"errors":[{"message":"broken"}],"data":null}' }],
  ])('asks for each tag where the search %s', async (_words, step) => {
    scene.registry.expect(list('', step));
    for (const [tag, content] of Object.entries(recorded)) scene.registry.expect(headOf('team/app', tag, content));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(4);
  });
});
