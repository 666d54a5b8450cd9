import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pushedAtOf, ScriptedScene, digestOf, headOf, scanOf, type ScriptedStep } from '../../testing/index.ts';
import type { HistoryRow } from '../history-row.ts';
import { QuayApi } from './quay-api.ts';
import { quayTagHistory } from './quay-history.ts';

const T0 = 1_763_600_000;

type Row = [tag: string, content: string | null, start: number, end?: number];

describe('Quay', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', '1.0': 'b' };
  const tags = Object.keys(recorded);

  const page = (number: number, rows: Row[], more = false, which = '&onlyActiveTags=true'): ScriptedStep => ({
    method: 'GET',
    path: `/api/v1/repository/team/app/tag/?limit=100&page=${number}${which}`,
    authorization: null,
    body: JSON.stringify({
      tags: rows.map(([name, content, start, end]) => ({
        name,
        manifest_digest: content === null ? undefined : digestOf(content),
        is_manifest_list: true,
        size: null,
        reversion: false,
        start_ts: T0 + start,
        ...(end === undefined ? {} : { end_ts: T0 + end }),
        last_modified: 'Thu, 20 Nov 2025 00:00:00 -0000',
      })),
      page: number,
      has_additional: more,
    }),
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('quay', 'team/app');
  });

  afterEach(() => scene.end());

  it('learns a hundred tags by one request, with proof', async () => {
    scene.registry.expect(
      page(1, [
        ['latest', 'a', 100],
        ['1.0', 'b', 50],
      ]),
    );
    const before = Date.now();
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
    expect(scan.summary).toMatchObject({ requests: 1, listing: { tags: ['latest', '1.0'], complete: true } });
    expect(pushedAtOf(scan, 'latest')).toBe(new Date((T0 + 100) * 1000).toISOString());
    const proven = scan.answers.get('latest');
    const provenAt = proven?.outcome === 'agreed' ? (proven.provenAt?.getTime() ?? 0) : 0;
    expect(provenAt).toBeGreaterThanOrEqual(before - 60_000);
    expect(provenAt).toBeLessThanOrEqual(Date.now() - 60_000);
  });

  it('does not take a tag that was moved a moment ago for proven', async () => {
    const now = Math.floor(Date.now() / 1000) - T0;
    scene.registry.expect(
      page(1, [
        ['latest', 'a', now - 5],
        ['1.0', 'b', 50],
      ]),
    );
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.answers.get('latest')).not.toHaveProperty('provenAt');
    expect(scan.answers.get('1.0')).toHaveProperty('provenAt');
  });

  it('stops at the first tag that was moved before the last scan', async () => {
    scene.registry.expect(
      page(
        1,
        [
          ['latest', 'a', 100],
          ['1.0', 'b', 50],
          ['old', 'c', 10],
        ],
        true,
      ),
    );
    const { cursor } = (await scanOf(scene.adapter, scene.name, { tags, recorded })).summary;
    scene.registry.expect(
      page(
        1,
        [
          ['1.0', 'd', 100],
          ['latest', 'a', 100],
          ['old', 'c', 10],
        ],
        true,
      ),
    );
    scene.registry.expect(headOf('team/app', '1.0', 'd'));
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded, cursor })).tags).toEqual({
      latest: 'agreed',
      '1.0': 'observed d',
    });
    scene.registry.expect(
      page(
        1,
        [
          ['new', 'c', 200],
          ['old', 'c', 10],
        ],
        true,
      ),
    );
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded, cursor });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'agreed' });
    expect(scan.answers.get('1.0')).not.toHaveProperty('provenAt');
    expect(scan.summary.listing).toEqual({ tags: ['new', 'old'], complete: false });
  });

  it('notices that a tag moved in a scan that leaves it out', async () => {
    const newer = (...rows: Row[]): void => scene.registry.expect(page(1, [...rows, ['old', 'c', 10]], true));
    newer(['latest', 'a', 100], ['1.0', 'b', 50]);
    const { cursor } = (await scanOf(scene.adapter, scene.name, { tags, recorded })).summary;
    newer(['1.0', 'd', 200], ['latest', 'a', 100]);
    const without = await scanOf(scene.adapter, scene.name, { tags: ['latest'], recorded, cursor });
    newer(['other', 'c', 300]);
    scene.registry.expect(headOf('team/app', '1.0', 'd'));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded, cursor: without.summary.cursor });
    expect(scan.tags).toEqual({ latest: 'agreed', '1.0': 'observed d' });
  });

  it('reads on where the page holds only what is new', async () => {
    scene.registry.expect(
      page(1, [
        ['latest', 'a', 100],
        ['1.0', 'b', 50],
      ]),
    );
    const { cursor } = (await scanOf(scene.adapter, scene.name, { tags, recorded })).summary;
    scene.registry.expect(
      page(1, [['new', 'c', 300]], true),
      page(
        2,
        [
          ['newer', 'c', 200],
          ['1.0', 'b', 50],
        ],
        true,
      ),
    );
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded, cursor })).summary.requests).toBe(2);
  });

  it('asks the registry about rows without a digest', async () => {
    scene.registry.expect(
      page(1, [
        ['latest', null, 100],
        ['1.0', 'b', 50],
      ]),
      headOf('team/app', 'latest', 'a'),
    );
    expect((await scanOf(scene.adapter, scene.name, { tags, recorded })).tags['latest']).toBe('observed a');
  });

  it('lists all names by its own API, and by the OCI protocol where that fails', async () => {
    scene.registry.expect(page(1, [['latest', 'a', 2]], true), page(2, [['1.0', 'b', 1]]));
    expect(await scene.adapter.listTags(scene.name)).toEqual({ tags: ['latest', '1.0'], complete: true, requests: 2 });
    scene.registry.expect({ ...page(1, []), status: 401 });
    scene.registry.expect({ method: 'GET', path: '/v2/team/app/tags/list?n=1000', body: '{"tags":["1.0"]}' });
    expect(await scene.adapter.listTags(scene.name)).toEqual({ tags: ['1.0'], complete: true, requests: 2 });
  });

  it.each([
    ['an OAuth token', { username: '$oauthtoken', password: 'T' }, 'Bearer T'],
    ['a bearer token', { token: 'T' }, 'Bearer T'],
    ['a robot, which its API does not know', { username: 'team+robot', password: 'T' }, null],
  ])('shows %s', async (_words, credentials, authorization) => {
    await scene.end();
    scene = await ScriptedScene.start('quay', 'team/app', { credentials });
    scene.registry.expect({ ...page(1, [['latest', 'a', 100]]), authorization });
    const scan = await scanOf(scene.adapter, scene.name, { tags: ['latest'], recorded });
    expect(scan.tags).toEqual({ latest: 'agreed' });
  });

  it('gives its history, the newest first, as far as it goes', async () => {
    const inAYear = Math.floor(Date.now() / 1000) + 365 * 86_400 - T0;
    const rows: Row[] = [
      ['latest', 'c', 300],
      ['expiring', 'c', 250, inAYear],
      ['latest', 'b', 200, 300],
      ['no-digest', null, 150, 160],
      ['backwards', 'a', 140, 100],
    ];
    scene.registry.expect(page(1, rows, true, ''), page(2, [['latest', 'b', 100, 200]], false, ''));
    const read: HistoryRow[] = [];
    for await (const row of quayTagHistory(new QuayApi(scene.client, () => undefined), scene.name)) read.push(row);
    const at = (seconds: number): Date => new Date((T0 + seconds) * 1000);
    expect(read).toEqual([
      { tag: 'latest', digest: digestOf('c'), from: at(300), to: null, source: 'quay' },
      { tag: 'expiring', digest: digestOf('c'), from: at(250), to: null, source: 'quay' },
      { tag: 'latest', digest: digestOf('b'), from: at(200), to: at(300), source: 'quay' },
      { tag: 'no-digest', digest: null, from: at(150), to: at(160), source: 'quay' },
      { tag: 'latest', digest: digestOf('b'), from: at(100), to: at(200), source: 'quay' },
    ]);
  });

  it('ends its history where it was read before', async () => {
    scene.registry.expect(
      page(
        1,
        [
          ['latest', 'c', 300],
          ['latest', 'b', 200, 300],
        ],
        true,
        '',
      ),
    );
    const since = new Date((T0 + 250) * 1000);
    const read: (string | null)[] = [];
    const api = new QuayApi(scene.client, () => undefined);
    for await (const { digest } of quayTagHistory(api, scene.name, { since })) read.push(digest);
    expect(read).toEqual([digestOf('c')]);
  });
});
