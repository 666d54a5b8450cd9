import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOf, headOf, pushedAtOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';
import type { HistoryRow } from '../history-row.ts';
import { chainguardHistory, ChainguardHistoryApi } from './chainguard-history.ts';

const NOW = new Date('2026-11-20T12:00:00Z');

describe('Chainguard', () => {
  let scene: ScriptedScene;
  const recorded = { latest: 'a', dev: 'b' };
  const tags = Object.keys(recorded);

  const history = (
    tag: string,
    query: string,
    moves: [string, string][],
    step: Partial<ScriptedStep> = {},
  ): ScriptedStep => ({
    method: 'GET',
    path: `/v2/chainguard/python/_chainguard/history/${tag}${query}`,
    body: JSON.stringify({
      history: moves.map(([updateTimestamp, content]) => ({ updateTimestamp, digest: digestOf(content) })),
    }),
    ...step,
  });
  const lastMonth = '?start=2026-10-21T12%3A00%3A00Z';
  const read = async (options: { start?: Date; end?: Date } = {}): Promise<HistoryRow[]> => {
    const rows: HistoryRow[] = [];
    const api = new ChainguardHistoryApi(scene.client);
    for await (const row of chainguardHistory(api, scene.name, 'latest', options)) rows.push(row);
    return rows;
  };

  beforeEach(async () => {
    scene = await ScriptedScene.start('chainguard', 'chainguard/python', { now: () => NOW });
  });

  afterEach(() => scene.end());

  it('asks for each tag, and its history for the time where it moved', async () => {
    scene.registry.expect(headOf('chainguard/python', 'latest', 'a'), headOf('chainguard/python', 'dev', 'd'));
    scene.registry.expect(
      history('dev', lastMonth, [
        ['2026-11-20T02:00:00Z', 'd'],
        ['2026-11-19T02:00:00Z', 'b'],
        ['2026-11-18T02:00:00Z', 'd'],
      ]),
    );
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scene.adapter.name).toBe('chainguard');
    expect(scan.tags).toEqual({ latest: 'observed a', dev: 'observed d' });
    expect(pushedAtOf(scan, 'dev')).toBe('2026-11-20T02:00:00.000Z');
    expect(pushedAtOf(scan, 'latest')).toBeUndefined();
    expect(scan.summary).toMatchObject({ listing: null, requests: 3 });
  });

  it('does not ask again for a history that is not shown', async () => {
    scene.registry.expect({ ...history('latest', lastMonth, []), status: 404 });
    for (const tag of tags) scene.registry.expect(headOf('chainguard/python', tag, 'd'));
    const scan = await scanOf(scene.adapter, scene.name, { tags, recorded });
    expect(scan.tags).toEqual({ latest: 'observed d', dev: 'observed d' });
    expect(scan.summary.requests).toBe(3);
  });

  it('gives its history, the oldest first, whatever the order and the case of the keys', async () => {
    scene.registry.expect(
      history('latest', '', [], {
        headers: { 'content-type': 'text/plain' },
        body: JSON.stringify({
          History: [
            { UpdateTimestamp: '2026-11-02T00:00:00Z', Digest: digestOf('b') },
            { updateTimestamp: '2026-11-01T00:00:00Z', digest: digestOf('a') },
            { updateTimestamp: 'never', digest: digestOf('c') },
            { updateTimestamp: '2026-11-03T00:00:00Z', digest: 'none' },
          ],
        }),
      }),
    );
    const [first, second] = [new Date('2026-11-01T00:00:00Z'), new Date('2026-11-02T00:00:00Z')];
    expect(await read()).toEqual([
      { tag: 'latest', digest: digestOf('a'), from: first, to: second, source: 'chainguard' },
      { tag: 'latest', digest: digestOf('b'), from: second, to: null, source: 'chainguard' },
    ]);
  });

  it('reads on at both ends where an answer is full', async () => {
    const at = (hour: number): string => new Date(Date.UTC(2026, 0, 1, hour)).toISOString();
    const moves = (from: number, count: number): [string, string][] =>
      Array.from({ length: count }, (_, i) => [at(from + i), `content ${from + i}`]);
    const start = new Date(at(0));
    const end = new Date(at(2000));
    const query = (from: number, to: number): string =>
      `?start=${encodeURIComponent(at(from).replace('.000', ''))}&end=${encodeURIComponent(at(to).replace('.000', ''))}`;
    scene.registry.expect(history('latest', query(0, 2000), moves(100, 1000)));
    scene.registry.expect(history('latest', query(1099, 2000), moves(1099, 3)));
    scene.registry.expect(history('latest', query(0, 100), moves(98, 3)));
    const rows = await read({ start, end });
    expect(rows).toHaveLength(1004);
    expect(rows[0]?.from).toEqual(new Date(at(98)));
    expect(rows.at(-1)?.to).toEqual(end);
  });

  it('gives nothing of a tag without a history, and says what is none', async () => {
    scene.registry.expect(history('latest', '', [], { body: '{"history":null}' }));
    expect(await read()).toEqual([]);
    scene.registry.expect(history('latest', '', [], { body: '{"other":[]}' }));
    await expect(read()).rejects.toThrow('is no history of a tag');
  });
});
