import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeHistory, EVENT_TYPES, type HistoryEvent } from '@dtm/events';
import {
  connectNats,
  ensureStreams,
  readStream,
  readThrottles,
  STREAMS,
  streamState,
  type NatsConnection,
} from '@dtm/jetstream';
import { digestOf, ScriptedRegistry, type ScriptedStep } from '@dtm/registry-client/testing';
import { startNats, type RunningNats } from '@dtm/testing';
import { sourceOf } from './arguments.ts';
import { HistoryImport, type ImportReport } from './history-import.ts';
import { Registries } from './registries.ts';

const T0 = 1_763_600_000;
const at = (seconds: number, ms = 0): string => new Date((T0 + seconds) * 1000 + ms).toISOString();

/** A row of Quay's: seconds after T0. */
type Row = [tag: string, content: string | null, start: number, end?: number];

describe("an import of a registry's own history", () => {
  let nats: RunningNats;
  let nc: NatsConnection;
  let registry: ScriptedRegistry;
  let said: string[];
  const open: Registries[] = [];

  beforeAll(async () => {
    nats = await startNats();
    nc = await connectNats({ url: nats.url, name: 'registries-spec' });
    await ensureStreams(nc);
    registry = await ScriptedRegistry.start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((registries) => registries.close()));
    registry.verify();
  });
  afterAll(async () => {
    await registry.close();
    await nc.close();
    await nats.stop();
  });

  /** As `npm run import -- --from ...`, of repositories of the scripted registry. */
  async function run(from: string, repositories: string[], more: string[] = []): Promise<ImportReport> {
    said = [];
    const env = {
      NATS_URL: nats.url,
      INSECURE_REGISTRIES: registry.host,
      MAX_REQUESTS_PER_SECOND: '1000',
      MAX_RETRIES_ON_RATE_LIMIT: '0',
      SLEEP_INTERVAL_ON_RATE_LIMIT: '0s',
      DIGEST_REFRESH_COOLDOWN_INTERVAL: '1s',
    };
    const registries = await Registries.open(nc, env, (line) => said.push(line));
    open.push(registries);
    const asked = sourceOf(['--from', from, ...repositories.map((name) => `${registry.host}/${name}`), ...more]);
    if (typeof asked !== 'function') throw new Error(JSON.stringify(asked));
    return new HistoryImport(nc, await asked(registries)).run(() => undefined);
  }

  /** What was imported of a repository, in the order in which it was written. */
  async function eventsOf(repository: string): Promise<HistoryEvent[]> {
    const { lastSequence } = await streamState(nc, STREAMS.history);
    const stop = new AbortController();
    const events: HistoryEvent[] = [];
    for await (const { data, sequence } of readStream(nc, { stream: STREAMS.history, after: 0, signal: stop.signal })) {
      const event = decodeHistory(data);
      if (event.data.repository === repository) events.push(event);
      if (sequence >= lastSequence) stop.abort();
    }
    return events;
  }

  /** `<digest's content or gone> after <bound> by <time>`, each in seconds after T0. */
  async function toldOf(repository: string, contents = ['a', 'b', 'c']): Promise<string[]> {
    const seconds = (time: string): string => String((Date.parse(time) - T0 * 1000) / 1000);
    return (await eventsOf(repository)).map(({ type, data }) => {
      const isGone = type === EVENT_TYPES.TagDisappeared;
      const what = isGone ? 'gone' : (contents.find((content) => digestOf(content) === data.digest) ?? data.digest);
      const after = data.previous === null ? '-' : seconds(data.previous.lastSeenAt);
      const words = `${data.tag}: ${what} after ${after} by ${seconds(data.observedAt)}`;
      return !isGone && data.reappeared === true ? `${words}, again` : words;
    });
  }

  const quayPage = (repository: string, number: number, rows: Row[], more = false): ScriptedStep => ({
    method: 'GET',
    path: `/api/v1/repository/${repository}/tag/?limit=100&page=${number}`,
    body: JSON.stringify({
      tags: rows.map(([name, content, start, end]) => ({
        name,
        ...(content === null ? {} : { manifest_digest: digestOf(content) }),
        start_ts: T0 + start,
        ...(end === undefined ? {} : { end_ts: T0 + end }),
      })),
      page: number,
      has_additional: more,
    }),
  });

  describe('of Quay', () => {
    it('is written with the bounds of its rows, and once only', async () => {
      const first: Row[] = [
        ['latest', 'c', 300],
        ['latest', 'b', 200, 300],
        [`sha256-${'a'.repeat(64)}.sig`, 'c', 150],
        ['1.0', 'a', 100],
      ];
      const second: Row[] = [
        ['latest', 'b', 100, 200],
        ['latest', 'a', 0, 90],
      ];
      const pages = [quayPage('team/app', 1, first, true), quayPage('team/app', 2, second)];
      registry.expect(...pages);
      const report = await run('quay', ['team/app']);
      expect(report).toMatchObject({ rows: 6, imported: 5, repeated: 1, tags: 2, refused: 0, failures: [] });
      expect((await toldOf('team/app')).toSorted()).toEqual([
        '1.0: a after - by 100.999',
        'latest: a after - by 0.999',
        'latest: b after 100 by 100.999, again',
        'latest: c after 300 by 300.999',
        'latest: gone after 90 by 90.999',
      ]);
      const [event] = (await eventsOf('team/app')).filter(({ data }) => data.tag === '1.0');
      expect(event).toMatchObject({
        source: '/docker-tag-monitor/import/quay',
        data: { source: 'quay', pushedAt: at(100), observedAt: at(100, 999) },
      });
      registry.expect(...pages);
      expect(await run('quay', ['team/app'])).toMatchObject({ imported: 0, knownBefore: 5, repeated: 1 });
    });

    it('is joined to what was imported before Quay forgot it', async () => {
      registry.expect(
        quayPage('team/later', 1, [
          ['latest', 'b', 200],
          ['latest', 'b', 100, 200],
          ['latest', 'a', 0, 100],
        ]),
      );
      await run('quay', ['team/later']);
      // Both older rows are gone by now, and with them the first push of what the tag points to.
      registry.expect(
        quayPage('team/later', 1, [
          ['latest', 'a', 500],
          ['latest', 'c', 300, 400],
          ['latest', 'b', 200, 250],
        ]),
      );
      expect(await run('quay', ['team/later'])).toMatchObject({ imported: 4, repeated: 1, knownBefore: 0 });
      expect((await toldOf('team/later')).slice(2)).toEqual([
        'latest: gone after 250 by 250.999',
        'latest: c after 300 by 300.999, again',
        'latest: gone after 400 by 400.999',
        'latest: a after 500 by 500.999, again',
      ]);
    });

    it('claims no deletion where a row names no digest, and nothing of the time to come', async () => {
      registry.expect(
        quayPage('team/unnamed', 1, [
          ['latest', 'b', 40 * 365 * 86_400],
          ['latest', 'c', 200],
          ['latest', null, 100, 200],
          ['latest', 'a', 0, 100],
        ]),
      );
      const report = await run('quay', ['team/unnamed']);
      expect(report).toMatchObject({ imported: 2, refused: 1 });
      expect(await toldOf('team/unnamed')).toEqual(['latest: a after - by 0.999', 'latest: c after 100 by 200.999']);
    });

    it('is of the tags that are wanted', async () => {
      const rows: Row[] = ['v1.0', 'v1.1', 'v2', 'xv1.0'].map((tag) => [tag, 'a', 0]);
      registry.expect(quayPage('team/chosen', 1, rows));
      await run('quay', ['team/chosen'], ['--tags', 'v1.*']);
      expect((await eventsOf('team/chosen')).map(({ data }) => data.tag)).toEqual(['v1.0', 'v1.1']);
    });

    it('waits where the registry wants a pause, and says so', async () => {
      registry.expect(quayPage('team/slow', 1, [['latest', 'b', 100]], true));
      registry.expect({ ...quayPage('team/slow', 2, []), status: 429, body: '' });
      registry.expect(quayPage('team/slow', 2, [['latest', 'a', 0, 100]]));
      expect(await run('quay', ['team/slow'])).toMatchObject({ imported: 2, failures: [] });
      expect(said.filter((line) => line.includes(`${registry.host} allows no requests for now`))).toHaveLength(1);
      // The fetchers hear of it too: it is one budget.
      expect(await readThrottles(nc, [registry.host])).toMatchObject([
        { registry: registry.host, lastError: { message: 'the registry answered 429 Too Many Requests' } },
      ]);
    });

    it('goes on with the next repository where one cannot be read, and imports nothing of half a history', async () => {
      registry.expect({ ...quayPage('team/none', 1, []), status: 404 });
      registry.expect({ ...quayPage('team/private', 1, []), status: 401 });
      registry.expect(quayPage('team/half', 1, [['latest', 'b', 100]], true), {
        ...quayPage('team/half', 2, []),
        body: 'no JSON',
      });
      registry.expect(quayPage('team/fine', 1, [['latest', 'a', 0]]));
      const report = await run('quay', ['team/none', 'team/private', 'team/half', 'team/fine']);
      expect(report.imported).toBe(1);
      expect(report.failures).toEqual([
        expect.stringMatching(/team\/none could not be read: its API has no such repository\. It does not exist, or/),
        expect.stringMatching(/team\/private could not be read: .*credentials are taken from REGISTRIES_FILE/),
        expect.stringMatching(/team\/half could not be read: its API answered something that is not JSON$/),
      ]);
      expect(await toldOf('team/half')).toEqual([]);
    });
  });

  describe('of Chainguard', () => {
    const tagList = (repository: string, tags: string[]): ScriptedStep => ({
      method: 'GET',
      path: `/v2/${repository}/tags/list?n=1000`,
      body: JSON.stringify({ tags }),
    });
    const history = (repository: string, tag: string, moves: [string, string][] | null): ScriptedStep => ({
      method: 'GET',
      path: `/v2/${repository}/_chainguard/history/${tag}`,
      ...(moves === null ? { status: 404 } : {}),
      body: JSON.stringify({
        history: (moves ?? []).map(([updateTimestamp, content]) => ({ updateTimestamp, digest: digestOf(content) })),
      }),
    });

    it('is written tag by tag, and once only', async () => {
      const script = (): void => {
        registry.expect(tagList('chainguard/python', ['latest', 'dev', `sha256-${'b'.repeat(64)}`]));
        registry.expect(
          history('chainguard/python', 'latest', [
            [at(200, 250), 'b'],
            [at(0), 'a'],
            [at(300, 250), 'b'],
            [at(400, 250), 'c'],
          ]),
        );
        registry.expect(history('chainguard/python', 'dev', null));
      };
      script();
      const report = await run('chainguard', ['chainguard/python']);
      expect(report).toMatchObject({ rows: 4, imported: 3, repeated: 1, tags: 1, refused: 1, failures: [] });
      expect(await toldOf('chainguard/python')).toEqual([
        'latest: a after - by 0.999',
        'latest: b after 200.25 by 200.25',
        'latest: c after 400.25 by 400.25',
      ]);
      expect(said.at(-1)).toContain('2 of 2 tags');
      script();
      expect(await run('chainguard', ['chainguard/python'])).toMatchObject({ imported: 0, knownBefore: 3 });
    });

    it('does not ask on where a repository shows no history at all', async () => {
      const tags = ['1', '2', '3', '4', '5'];
      registry.expect(tagList('chainguard/closed', tags));
      for (const tag of tags.slice(0, 3)) registry.expect(history('chainguard/closed', tag, null));
      const { failures, refused } = await run('chainguard', ['chainguard/closed']);
      expect(failures).toEqual([expect.stringContaining('chainguard/closed could not be read')]);
      expect(refused).toBe(2);
    });
  });

  it('is asked for by naming repositories with their registry', () => {
    const faultOf = (...args: string[]): unknown => (sourceOf(['--from', ...args]) as { fault?: string }).fault;
    expect(faultOf('quay')).toBe('--from quay needs a repository, such as quay.io/prometheus/node-exporter');
    expect(faultOf('quay', 'team/app')).toContain('docker.io/team/app is at Docker Hub: name the registry too');
    expect(faultOf('chainguard', 'cgr.dev/UPPER')).toContain('is not a repository');
    expect(faultOf('quay', 'quay.io/team/app:1.0')).toContain('is not a repository');
    expect(faultOf('csv', '--file', 'x', 'y')).toBe('y is one argument too many');
    expect(faultOf('csv', '--file', 'x', '--tags', 'v*')).toBe('--tags is for --from quay and --from chainguard');
  });
});
