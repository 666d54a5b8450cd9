import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EVENT_TYPES } from '@dtm/events';
import { connectNats, STREAMS, streamState, TrackingLog, type NatsConnection } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { Database, readPointer } from '@dtm/read-model';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import { ServiceProcess, type ServiceName } from '../bench/service-process.mjs';
import { ChangingRegistry, type Served } from './changing-registry.ts';
import { byTag, checkChain, eventually, everything, scansOf, Subscriber, type Recorded } from './history-reader.ts';

const VERIFY = join(import.meta.dirname, '../../services/history-projector/dist/commands/verify.js');
const SERVICES: readonly ServiceName[] = ['history-projector', 'registry-fetcher', 'scheduler', 'api'];
const PROJECTED = [STREAMS.history, STREAMS.scanLog, STREAMS.tracking];

const REPOSITORIES = 12;
const TAGS_EACH = 8;
const TAGS = REPOSITORIES * TAGS_EACH;
/** So many tags change every `CHANGE_MS`. */
const CHANGES_AT_ONCE = 8;
const CHANGE_MS = 100;

/** The four services as processes, on a NATS and a PostgreSQL that die under load and are started again. */
describe('the whole system, killed under load', () => {
  let nats: RunningNats;
  let postgres: RunningPostgres;
  let registry: ChangingRegistry;
  let nc: NatsConnection;
  let database: Database;
  let outside: Subscriber;
  let env: Record<string, string>;
  const services = new Map<ServiceName, ServiceProcess>();
  let apiPort = 0;

  beforeAll(async () => {
    [nats, postgres, registry] = await Promise.all([startNats(), startPostgres(), ChangingRegistry.start()]);
    env = {
      NATS_URL: nats.url,
      DATABASE_URL: await postgres.newDatabase(),
      SCRAPE_INTERVAL: '1s',
      POPULAR_IMAGES_MAX_COUNT: '0',
      INSECURE_REGISTRIES: registry.host,
      MAX_REQUESTS_PER_SECOND: '10000',
      SOURCE_URL: 'none',
    };
    for (let r = 0; r < REPOSITORIES; r++) {
      for (let t = 0; t < TAGS_EACH; t++) registry.set(`team/app-${r}`, `1.${t}`, 0);
    }
    nc = await connectNats({ url: nats.url, name: 'outside' });
    database = new Database({ url: env['DATABASE_URL'] ?? '', name: 'spec' });
    for (const name of SERVICES) await start(name);
    outside = new Subscriber(nc, STREAMS.history);
  }, 120_000);

  afterAll(async () => {
    await outside?.stop();
    await Promise.all([...services.values()].map(async (service) => service.stop()));
    await nc?.close();
    await database?.close();
    await Promise.all([nats?.stop(), postgres?.stop(), registry?.close()]);
  }, 60_000);

  async function start(name: ServiceName): Promise<void> {
    const service = new ServiceProcess(name, env);
    services.set(name, service);
    const port = await service.ready();
    if (name === 'api') apiPort = port;
  }

  /** As a supervisor does: what was killed is started again. */
  async function killAndStart(...names: ServiceName[]): Promise<void> {
    for (const name of names) process.kill(services.get(name)?.pid ?? NaN, 'SIGKILL');
    await Promise.all(names.map(start));
  }

  async function schema(): Promise<string> {
    return (await readPointer(database))?.schema ?? '';
  }

  /** How far a stream is projected; 0 while PostgreSQL is away. */
  async function projected(stream: string): Promise<number> {
    try {
      const question = `select sequence from ${await schema()}.checkpoint where stream = $1`;
      const [row] = await database.query<{ sequence: number }>(question, [stream]);
      return row?.sequence ?? 0;
    } catch {
      return 0;
    }
  }

  /** Waits until the system has gone on by so many events, from the registry to the tables. */
  async function goesOn(events: number): Promise<void> {
    const { lastSequence } = await streamState(nc, STREAMS.history);
    await eventually(`${events} more events are projected`, async () => {
      return (await projected(STREAMS.history)) >= lastSequence + events;
    });
  }

  async function get<T>(path: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${apiPort}/api/v1${path}`);
    expect(answer.status).toBe(200);
    return (await answer.json()) as T;
  }

  it('goes on by itself, and nobody has to be asked', async () => {
    const log = new TrackingLog(nc, '/docker-tag-monitor/api');
    const tags = registry.tags();
    await Promise.all(
      tags.map(async ([path, tag]) => log.track(RepositoryName.of(registry.host, path).tag(tag), 'person')),
    );
    await eventually('every tag has its baseline', async () => (await projected(STREAMS.history)) >= TAGS);

    let changes = 0;
    const changing = setInterval(() => {
      for (let i = 0; i < CHANGES_AT_ONCE; i++, changes++) {
        // Coprime to the number of tags: every tag in its turn, neighbours in different repositories.
        const [repository = '', tag = ''] = tags[(changes * 41) % TAGS] ?? [];
        registry.set(repository, tag, Math.floor(changes / TAGS) + 1);
      }
    }, CHANGE_MS);
    try {
      await goesOn(100);
      await killAndStart('registry-fetcher', 'history-projector', 'scheduler');
      await goesOn(100);
      await nats.kill();
      await nats.restart();
      await goesOn(100);
      await postgres.kill();
      await postgres.restart();
      await goesOn(100);
      await Promise.all([nats.kill(), postgres.kill()]);
      await Promise.all([nats.restart(), postgres.restart()]);
      await goesOn(100);
    } finally {
      clearInterval(changing);
    }
    for (const [name, { running }] of services) expect({ name, running }).toEqual({ name, running: true });

    await eventually('the record is what the registry serves', () => {
      const recorded = byTag(outside.heard);
      return tags.every(([repository, tag]) => {
        const last = recorded.get(`${registry.host}/${repository}:${tag}`)?.at(-1)?.event.data;
        return (
          last !== undefined && 'digest' in last && last.digest === registry.served(repository, tag).at(-1)?.digest
        );
      });
    });
    // Nothing further is asked for; what the killed fetcher had in hand comes again once the queue has waited for it.
    services.get('scheduler')?.hold();
    await eventually('no scan is pending', async () => (await streamState(nc, STREAMS.scans)).messages === 0);
    for (const stream of PROJECTED) {
      const { lastSequence } = await streamState(nc, stream);
      await eventually(`${stream} is projected`, async () => (await projected(stream)) === lastSequence);
    }
  }, 240_000);

  it('has kept everything that an outside subscriber was told of, under its sequence', async () => {
    const kept = await everything(nc, STREAMS.history);
    const told = ({ sequence, subject, data }: (typeof kept)[number]): string =>
      `${sequence} ${subject} ${Buffer.from(data).toString()}`;
    expect(outside.heard.map(told)).toEqual(kept.map(told));
    expect(kept.map(({ sequence }) => sequence)).toEqual(kept.map((_, i) => i + 1));
  });

  it('has recorded what the registry served, each once and in order, with bounds that hold', async () => {
    const recorded = byTag(await everything(nc, STREAMS.history));
    expect(recorded.size).toBe(TAGS);
    for (const [repository, tag] of registry.tags()) {
      const events = recorded.get(`${registry.host}/${repository}:${tag}`) ?? [];
      checkChain(events);
      checkAgainst(registry.served(repository, tag), events);
    }
  });

  it('has kept every append that the fetcher saw acknowledged', async () => {
    const { lastSequence } = await streamState(nc, STREAMS.history);
    const appended = new Map<string, number>();
    const scans = await scansOf(nc);
    for (const { type, data } of scans) {
      if (type !== EVENT_TYPES.RepositoryScanned) continue;
      appended.set(data.repository, (appended.get(data.repository) ?? 0) + data.changes);
      expect(data.historySequence).toBeLessThanOrEqual(lastSequence);
    }
    expect(appended.size).toBe(REPOSITORIES);
    const recorded = [...byTag(await everything(nc, STREAMS.history)).values()].flat();
    for (const [repository, acknowledged] of appended) {
      // A scan that was killed after an append did not log it.
      const events = recorded.filter(({ event }) => event.data.repository === repository);
      expect(events.length).toBeGreaterThanOrEqual(acknowledged);
    }
    expect(new Set(scans.map(({ data }) => data.scanId)).size).toBe(scans.length);
  });

  it('passes the verification, with every event of HISTORY in digest_change', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [VERIFY], {
      env: { PATH: process.env['PATH'], ...env, LOG_LEVEL: 'warn' },
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('HISTORY is as it was written');
    expect(stdout).toContain('the copy in digest_change is the same');
  });

  it('counts what HISTORY and SCAN_LOG hold, no more and no less', async () => {
    const recorded = byTag(await everything(nc, STREAMS.history));
    const { items } = await get<{ items: { reference: string; changeCount: number; digest: string }[] }>(
      '/tags?limit=100&sort=tag',
    );
    expect(new Map(items.map(({ reference, changeCount, digest }) => [reference, { changeCount, digest }]))).toEqual(
      new Map(
        [...recorded].map(([reference, events]) => {
          const { data } = (events.at(-1) as Recorded).event;
          return [reference, { changeCount: events.length - 1, digest: 'digest' in data ? data.digest : null }];
        }),
      ),
    );
    const events = [...recorded.values()].flat().length;
    const read = await schema();
    const [sums] = await database.query<object>(
      `select (select count(*) from ${read}.digest_change) as events, (select sum(entry_count) from ${read}.tag) as entries,
        (select sum(changes) from ${read}.repository) as "ofRepositories",
        (select sum(changes) from ${read}.change_month) as "ofMonths"`,
    );
    expect(sums).toEqual({ events, entries: events, ofRepositories: events - TAGS, ofMonths: events - TAGS });

    const scans = await scansOf(nc);
    const days = await get<{ items: { succeeded: number; failed: number; requests: number }[] }>('/scans/days?days=2');
    const total = (figure: 'succeeded' | 'failed' | 'requests'): number =>
      days.items.reduce((sum, day) => sum + day[figure], 0);
    const succeeded = scans.filter(({ type }) => type === EVENT_TYPES.RepositoryScanned).length;
    expect([total('succeeded'), total('failed')]).toEqual([succeeded, scans.length - succeeded]);
    expect(total('requests')).toBe(scans.reduce((sum, { data }) => sum + data.requests, 0));
  });
});

/** Versions may be passed over between two scans, but none comes twice, none before its time and none after it. */
function checkAgainst(served: readonly Served[], recorded: readonly Recorded[]): void {
  let before: Served | null = null;
  for (const { event } of recorded) {
    const digest = 'digest' in event.data ? event.data.digest : null;
    const at = served.findIndex((version) => version.digest === digest);
    const version = served[at];
    const { previous, observedAt } = event.data;
    if (version === undefined || at <= (before === null ? -1 : served.indexOf(before))) {
      throw new Error(`${event.id}: ${digest ?? 'gone'} was not what came next`);
    }
    const early = Date.parse(observedAt) < version.from;
    const late = previous !== null && Date.parse(previous.lastSeenAt) > (before?.until ?? 0);
    if (early || late) throw new Error(`${event.id}: its bounds do not hold`);
    before = version;
  }
}
