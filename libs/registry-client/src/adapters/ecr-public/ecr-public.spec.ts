import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, headOf, pushedAtOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';

describe('ECR Public', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b', '2.0': 'c' };
  const tags = Object.keys(recorded);
  const gallery = (rows: [string, string][], token: { sent?: string; next?: string } = {}): ScriptedStep => ({
    method: 'POST',
    path: '/describeImageTags',
    authorization: null,
    sent: JSON.stringify({
      registryAliasName: 'docker',
      repositoryName: 'library/nginx',
      maxResults: 1000,
      ...(token.sent === undefined ? {} : { nextToken: token.sent }),
    }),
    body: JSON.stringify({
      imageTagDetails: rows.map(([imageTag, content]) => ({
        imageTag,
        createdAt: '2026-01-01T00:00:00Z',
        imageDetail: { imageDigest: digestOf(content), imageSizeInBytes: 1, imagePushedAt: '2026-02-01T00:00:00Z' },
      })),
      ...(token.next === undefined ? {} : { nextToken: token.next }),
    }),
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('ecr-public', 'docker/library/nginx', (host) => ({
      hosts: { ecrPublic: new URL(`http://${host}`) },
    }));
  });

  afterEach(() => scene.end());

  it('learns a thousand tags by one request to the gallery', async () => {
    scene.registry.expect(gallery(Object.entries(recorded)));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed', '2.0': 'agreed' });
    expect(pushedAtOf(scan, 'latest')).toBe('2026-02-01T00:00:00.000Z');
    expect(scan.summary).toMatchObject({ requests: 1, listing: { tags, complete: true } });
    expect(scene.registry.seen[0]?.headers['content-type']).toBe('application/json');
  });

  it('reads on while tags are missing, and not in circles', async () => {
    scene.registry.expect(gallery([['latest', 'a']], { next: 'N1' }));
    scene.registry.expect(gallery([['other', 'b']], { sent: 'N1', next: 'N1' }));
    scene.registry.expect(headOf('docker/library/nginx', '1.0', 'b'), headOf('docker/library/nginx', '2.0', 'd'));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'observed b', '2.0': 'observed d' });
    expect(scan.summary.listing?.complete).toBe(false);
  });

  it('asks for each tag where the gallery is gone, or sends the question elsewhere', async () => {
    for (const answer of [{ status: 404 }, { status: 307, headers: { location: '/elsewhere' } }]) {
      await scene.end();
      scene = await ScriptedScene.start('ecr-public', 'docker/library/nginx', (host) => ({
        hosts: { ecrPublic: new URL(`http://${host}`) },
      }));
      scene.registry.expect({ ...gallery([]), body: '', ...answer });
      for (const [tag, content] of Object.entries(recorded)) {
        scene.registry.expect(headOf('docker/library/nginx', tag, content));
      }
      expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(4);
    }
  });
});
