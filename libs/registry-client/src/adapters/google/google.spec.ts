import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AdapterChooser } from '../chooser/adapter-chooser.ts';
import {
  clientOf,
  digestOf,
  headOf,
  pushedAtOf,
  ScriptedRegistry,
  ScriptedScene,
  scanOf,
} from '../../testing/index.ts';

describe('Google', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b' };
  const tags = Object.keys(recorded);
  const path = '/v2/team/app/tags/list';
  const body = (manifests: Record<string, string[]>, tagNames: unknown[] = Object.values(manifests).flat()): string =>
    JSON.stringify({
      name: 'team/app',
      child: [],
      tags: tagNames,
      manifest: Object.fromEntries(
        Object.entries(manifests).map(([content, tag]) => [
          digestOf(content),
          {
            imageSizeBytes: '1',
            mediaType: 'x',
            tag,
            timeCreatedMs: '0',
            timeUploadedMs: '1763600000000',
            layerId: '',
          },
        ]),
      ),
    });

  beforeEach(async () => {
    scene = await ScriptedScene.start('google', 'team/app');
  });

  afterEach(() => scene.end());

  it('learns all tags by one request without a query', async () => {
    const zipped = gzipSync(body({ a: ['latest', '2.0'], b: ['1.0'], old: [] }));
    scene.registry.expect({ method: 'GET', path, body: zipped, headers: { 'content-encoding': 'gzip' } });
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
    expect(pushedAtOf(scan, 'latest')).toBe('2025-11-20T00:53:20.000Z');
    expect(scan.summary).toEqual({
      listing: { tags: ['latest', '2.0', '1.0'], complete: true },
      requests: 1,
      disagreements: 0,
      sampled: 0,
    });
  });

  it('follows registry.k8s.io to where it sends everyone', async () => {
    const regional = await ScriptedRegistry.start();
    const client = clientOf({ insecure: { [scene.registry.host]: {}, [regional.host]: {} } });
    const chooser = new AdapterChooser(client, { families: { [scene.registry.host]: 'google' } });
    const location = `http://${regional.host}/v2/k8s/images/team/app/tags/list`;
    scene.registry.expect({ method: 'GET', path, status: 307, headers: { location } });
    regional.expect({
      method: 'GET',
      path: '/v2/k8s/images/team/app/tags/list',
      body: body({ a: ['latest'], b: ['1.0'] }),
    });
    const scan = await scanOf(chooser.adapterFor(scene.name), scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
    expect(scan.summary.requests).toBe(2);
    await client.close();
    await regional.close();
    regional.verify();
  });

  it('asks the registry about tags that the map lacks, or has twice', async () => {
    scene.registry.expect({ method: 'GET', path, body: body({ a: ['1.0'], b: ['1.0'] }, ['latest', '1.0']) });
    scene.registry.expect(headOf('team/app', 'latest', 'a'), headOf('team/app', '1.0', 'b'));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).tags).toEqual({
      latest: 'observed a',
      '1.0': 'observed b',
    });
  });

  it('asks for each tag where the map is missing', async () => {
    scene.registry.expect({ method: 'GET', path, body: '{"tags":["latest","1.0"]}' });
    scene.registry.expect(
      { ...headOf('team/app', 'latest', 'a'), times: 2 },
      { ...headOf('team/app', '1.0', 'b'), times: 2 },
    );
    for (const requests of [3, 2]) {
      expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(requests);
    }
  });

  it('asks for a single tag by HEAD', async () => {
    scene.registry.expect(headOf('team/app', 'latest', 'a'));
    const scan = await scanOf(scene.adapter, scene.name, { tags: ['latest'], recorded });
    expect(scan.tags).toEqual({ latest: 'observed a' });
  });
});
