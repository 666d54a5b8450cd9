import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, headOf, pushedAtOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';

describe('ACR', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b', '2.0': 'c' };
  const tags = Object.keys(recorded);
  const path = '/acr/v1/team%2Fapp/_tags';
  const body = (rows: [string, string][]): string =>
    JSON.stringify({
      registry: 'example.azurecr.io',
      imageName: 'team/app',
      tags: rows.map(([name, content]) => ({
        name,
        digest: digestOf(content),
        createdTime: '2026-01-01T00:00:00.0000000Z',
        lastUpdateTime: '2026-02-01T00:00:00.1234567Z',
        signed: false,
        changeableAttributes: {},
      })),
    });
  const list = (rows: [string, string][], step: Partial<ScriptedStep> = {}): ScriptedStep => ({
    method: 'GET',
    path: `${path}?n=100&orderby=timedesc`,
    body: body(rows),
    ...step,
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('acr', 'team/app');
  });

  afterEach(() => scene.end());

  it('learns a hundred tags by one request', async () => {
    scene.registry.expect(list(Object.entries(recorded)));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed', '2.0': 'agreed' });
    expect(pushedAtOf(scan, 'latest')).toBe('2026-02-01T00:00:00.123Z');
    expect(scan.summary).toMatchObject({ requests: 1, listing: { tags, complete: true } });
  });

  it('follows the link to the next page, whose order it puts back, up to an empty one', async () => {
    const link = `</acr/v1/team/app/_tags?last=latest&n=100&orderby=>; rel="next"`;
    scene.registry.expect(list([['latest', 'a']], { headers: { link } }));
    scene.registry.expect(list([], { path: `${path}?last=latest&n=100&orderby=timedesc`, body: '{"tags":null}' }));
    scene.registry.expect(headOf('team/app', '1.0', 'b'), headOf('team/app', '2.0', null));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'observed b', '2.0': 'absent' });
    expect(scan.summary.listing).toEqual({ tags: ['latest'], complete: true, paged: true });
  });

  it('does not follow a link to another host', async () => {
    const link = `<https://elsewhere.example.com${path}?last=latest>; rel="next"`;
    scene.registry.expect(list([['latest', 'a']], { headers: { link } }));
    for (const [tag, content] of Object.entries(recorded)) scene.registry.expect(headOf('team/app', tag, content));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(4);
  });

  it('exchanges an identity token by POST, for metadata and for pulling apart', async () => {
    await scene.end();
    scene = await ScriptedScene.start('acr', 'team/app', { credentials: { identityToken: 'IDENTITY' } });
    const { registry, name } = scene;
    const challenge = (action: string): Partial<ScriptedStep> => ({
      authorization: null,
      status: 401,
      headers: {
        'www-authenticate': `Bearer realm="http://${registry.host}/oauth2/token",service="${registry.host}",scope="repository:team/app:${action}"`,
      },
    });
    const exchange = (action: string, token: string): ScriptedStep => ({
      method: 'POST',
      path: '/oauth2/token',
      authorization: null,
      sent: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'docker-tag-monitor',
        scope: `repository:team/app:${action}`,
        service: registry.host,
        refresh_token: 'IDENTITY',
      }).toString(),
      body: JSON.stringify({ access_token: token }),
    });
    registry.expect(list([], challenge('metadata_read')), exchange('metadata_read', 'M'));
    const moved: [string, string][] = Object.entries({ ...recorded, latest: 'd' });
    registry.expect({ ...list(moved), authorization: 'Bearer M', times: 2 });
    registry.expect(exchange('pull', 'P'));
    registry.expect({ ...headOf('team/app', 'latest', 'd'), authorization: 'Bearer P', times: 2 });
    for (const requests of [5, 2]) {
      const scan = await scanOf(scene.adapter, name, { tags, recorded });
      expect(scan.tags).toEqual({ latest: 'observed d', '1.0': 'agreed', '2.0': 'agreed' });
      expect(scan.summary.requests).toBe(requests);
    }
  });

  it('pauses where its calls per second are used up', async () => {
    const headers = { 'x-ms-ratelimit-remaining-calls-per-second': '0' };
    scene.registry.expect(list(Object.entries({ ...recorded, latest: 'd' }), { headers }));
    scene.registry.expect(headOf('team/app', 'latest', 'd'));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).tags['latest']).toBe('observed d');
  });
});
