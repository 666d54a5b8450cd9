import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, headOf, pushedAtOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';

describe('MCR', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b' };
  const tags = Object.keys(recorded);
  const catalogue = (rows: [string, string][]): ScriptedStep => ({
    method: 'GET',
    path: '/api/v1/catalog/dotnet/sdk/tags?reg=mar',
    authorization: null,
    body: JSON.stringify(
      rows.map(([name, content]) => ({
        name,
        digest: digestOf(content),
        repository: 'dotnet/sdk',
        operatingSystem: 'linux',
        createdDate: '2026-01-01T00:00:00Z',
        lastModifiedDate: '2026-02-03T04:05:06.789Z',
      })),
    ),
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('mcr', 'dotnet/sdk');
  });

  afterEach(() => scene.end());

  it('learns all tags by one request', async () => {
    scene.registry.expect(
      catalogue([
        ['latest', 'a'],
        ['1.0', 'b'],
        ['1.0', 'b'],
      ]),
    );
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
    expect(pushedAtOf(scan, 'latest')).toBe('2026-02-03T04:05:06.789Z');
    expect(scan.summary).toMatchObject({ requests: 1, listing: { tags: ['latest', '1.0'], complete: true } });
  });

  it('asks the registry about a tag with a row for each platform', async () => {
    scene.registry.expect(
      catalogue([
        ['latest', 'a'],
        ['1.0', 'b'],
        ['1.0', 'c'],
        ['1.0', 'b'],
      ]),
    );
    scene.registry.expect(headOf('dotnet/sdk', '1.0', 'd'));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'observed d' });
    expect(scan.summary.disagreements).toBe(0);
  });

  it('does without the catalogue where its digests are not those of the registry', async () => {
    const three = { ...recorded, '2.0': 'c' };
    scene.registry.expect(
      catalogue([
        ['latest', 'x'],
        ['1.0', 'x'],
        ['2.0', 'x'],
      ]),
    );
    for (let i = 0; i < 2; i++) {
      for (const [tag, content] of Object.entries(three)) scene.registry.expect(headOf('dotnet/sdk', tag, content));
    }
    for (const requests of [4, 3]) {
      const scan = await scanOf(scene.adapter, scene.name, { tags: Object.keys(three), recorded: three });
      expect(scan.tags).toEqual({ latest: 'observed a', '1.0': 'observed b', '2.0': 'observed c' });
      expect(scan.summary.requests).toBe(requests);
    }
  });

  it('asks for each tag where the catalogue is not there, or another', async () => {
    for (const body of ['<html>', '{"tags":[]}']) {
      await scene.end();
      scene = await ScriptedScene.start('mcr', 'dotnet/sdk');
      scene.registry.expect({ ...catalogue([]), body });
      scene.registry.expect(headOf('dotnet/sdk', 'latest', 'a'), headOf('dotnet/sdk', '1.0', 'b'));
      expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests).toBe(3);
    }
  });
});
