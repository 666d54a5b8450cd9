import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryKey } from '@dtm/events';
import { connectNats, STREAMS, type NatsConnection } from '@dtm/jetstream';
import { jetstreamManager } from '@nats-io/jetstream';
import { Database } from '@dtm/read-model';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import type { ServiceName } from '../bench/service-process.mjs';
import { ChangingRegistry } from './changing-registry.ts';
import { Collector, type CollectedSpan } from './collector.ts';
import { eventually } from './history-reader.ts';
import { LoggedService } from './logged-service.ts';

const SERVICES: readonly ServiceName[] = ['history-projector', 'registry-fetcher', 'scheduler', 'api'];

/** What nobody must ever read in a log. */
const SECRETS = {
  nats: 'nats-Hunter2',
  postgres: 'postgres-Hunter2',
  registry: 'registry-Hunter2',
  admin: 'admin-Hunter2',
  collector: 'collector-Hunter2',
  caller: 'caller-Hunter2',
};
const BASIC = Buffer.from(`someone:${SECRETS.registry}`).toString('base64');
const CALLER = '4bf92f3577b34da6a3ce929d0e0e4736';

/** The four services as processes, what they tell a collector, and what they log. */
describe('a scan, as traces and logs tell of it', () => {
  let nats: RunningNats;
  let postgres: RunningPostgres;
  let registry: ChangingRegistry;
  let collector: Collector;
  let nc: NatsConnection;
  let folder: string;
  let env: Record<string, string>;
  let reference: string;
  let services = new Map<ServiceName, LoggedService>();
  let url = '';

  beforeAll(async () => {
    const config = `authorization { user: dtm, password: "${SECRETS.nats}" }`;
    [nats, postgres, registry, collector] = await Promise.all([
      startNats({ config }),
      startPostgres(),
      ChangingRegistry.start(`Basic ${BASIC}`),
      Collector.start(),
    ]);
    folder = await mkdtemp(join(tmpdir(), 'dtm-traces-'));
    const registriesFile = join(folder, 'registries.yaml');
    const credentials = `{ username: someone, password: ${SECRETS.registry} }`;
    await writeFile(registriesFile, `"${registry.host}": { credentials: ${credentials} }\n`);
    env = {
      NATS_URL: nats.url.replace('nats://', `nats://dtm:${SECRETS.nats}@`),
      DATABASE_URL: await databaseWithPassword(await postgres.newDatabase()),
      ADMIN_TOKEN: SECRETS.admin,
      REGISTRIES_FILE: registriesFile,
      INSECURE_REGISTRIES: registry.host,
      POPULAR_IMAGES_MAX_COUNT: '0',
      SOURCE_URL: 'none',
    };
    reference = `${registry.host}/team/app:1.0`;
    registry.set('team/app', '1.0', 1);
    nc = await connectNats({ url: env['NATS_URL'] ?? '', name: 'outside' });
  }, 60_000);

  afterAll(async () => {
    await Promise.all([...services.values()].map(async (service) => service.stop()));
    await nc?.close();
    await Promise.all([nats?.stop(), postgres?.stop(), registry?.close(), collector?.close()]);
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  describe('while traces are asked for', () => {
    it('begins', async () => {
      await startAll({
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${SECRETS.collector}`,
        OTEL_BSP_SCHEDULE_DELAY: '50',
      });
    });

    it('is one trace with what a person did who added a tag, up to the row', async () => {
      const answer = await post(
        '/api/v1/tags',
        { references: [reference] },
        {
          traceparent: `00-${CALLER}-00f067aa0ba902b7-01`,
          'x-request-id': 'the-request',
        },
      );
      expect(await answer.json()).toEqual({ results: [{ reference, outcome: 'tracked' }] });
      await eventually('the whole trace is told of', () =>
        ['project HISTORY', 'project SCAN_LOG', 'project MANIFESTS', 'POST /api/v1/tags'].every((name) =>
          collector.of(CALLER).some((span) => span.name === name),
        ),
      );
      const trace = new Trace(collector.of(CALLER));
      expect(trace.pathTo('project HISTORY')).toEqual([
        'api: POST /api/v1/tags',
        'api: append TRACKING',
        'scheduler: request scan',
        'registry-fetcher: scan repository',
        'registry-fetcher: append HISTORY',
        'history-projector: project HISTORY',
      ]);
      expect(trace.pathTo('project SCAN_LOG').slice(2)).toEqual([
        'scheduler: request scan',
        'registry-fetcher: scan repository',
        'registry-fetcher: append SCAN_LOG',
        'history-projector: project SCAN_LOG',
      ]);
      expect(trace.pathTo('answer registry.query.tag-exists')).toEqual([
        'api: POST /api/v1/tags',
        'api: ask registry.query.tag-exists',
        'registry-fetcher: answer registry.query.tag-exists',
      ]);
      const scan = trace.one('scan repository');
      const heads = trace.spans.filter(({ name, parentSpanId }) => name === 'HEAD' && parentSpanId === scan.spanId);
      expect(heads.length).toBeGreaterThan(0);
      expect(heads.at(-1)?.attributes).toMatchObject({
        'http.request.method': 'HEAD',
        'server.address': '127.0.0.1',
        'http.response.status_code': 200,
      });
      // The batch has a trace of its own, as it holds events of many.
      expect(
        collector.spans.find(({ name, links }) => name === 'project batch' && links.includes(CALLER)),
      ).toBeDefined();
    });

    it('is one trace with what a person did who asked for it', async () => {
      registry.set('team/app', '1.0', 2);
      await post('/api/v1/scans', { reference });
      const isAnother = ({ name, traceId }: CollectedSpan): boolean => name === 'project HISTORY' && traceId !== CALLER;
      await eventually('the change is told of', () => collector.spans.some(isAnother));
      const { traceId } = collector.spans.find(isAnother) as CollectedSpan;
      await eventually('its beginning is told of', () =>
        collector.of(traceId).some(({ name }) => name === 'POST /api/v1/scans'),
      );
      expect(new Trace(collector.of(traceId)).pathTo('project HISTORY')).toEqual([
        'api: POST /api/v1/scans',
        'api: ask schedule.query.scan-now',
        'scheduler: answer schedule.query.scan-now',
        'scheduler: request scan',
        'registry-fetcher: scan repository',
        'registry-fetcher: append HISTORY',
        'history-projector: project HISTORY',
      ]);
    });

    it('is named in the headers of messages, and never in an event', async () => {
      const message = await newest(STREAMS.history);
      expect(message.header('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      expect(message.header('content-type')).toBe('application/cloudevents+json');
      const [, traceId = 'none'] = message.header('traceparent').split('-');
      expect(message.text).not.toContain(traceId);
      expect((await newest(STREAMS.scanLog)).header('traceparent')).toContain('00-');
    });

    it('is told of by names of kinds of work alone, and without what is secret', () => {
      for (const { name } of collector.spans) expect(name).not.toMatch(/team|1\.0|127\.0\.0\.1/);
      expectNoSecretIn(JSON.stringify(collector.spans));
      expect(collector.headers[0]?.['authorization']).toBe(`Bearer ${SECRETS.collector}`);
    });

    it('is found in the logs by the ids of request, scan and trace', async () => {
      await fetch(`${url}/api/v1/status`, { headers: { authorization: `Bearer ${SECRETS.caller}` } });
      const answered = services.get('api')?.lines.find(({ reqId }) => reqId === 'the-request');
      expect(answered).toMatchObject({ msg: 'POST /api/v1/tags: 200', trace_id: CALLER });
      const recorded = services
        .get('registry-fetcher')
        ?.lines.find(({ msg }) => /1 changes recorded/.test(String(msg)));
      expect(recorded).toMatchObject({
        trace_id: CALLER,
        scanRequest: `${repositoryKey({ registry: registry.host, repository: 'team/app' })}@tag-1`,
        scanId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      const asked = services
        .get('scheduler')
        ?.lines.find(({ scanRequest }) => scanRequest === recorded?.['scanRequest']);
      expect(asked).toMatchObject({ trace_id: CALLER, msg: 'asked for a scan (new-tag)' });
    });

    it('goes on while the collector is dead, and everything ends in time', async () => {
      const { length } = collector.headers;
      collector.isDead = true;
      registry.set('team/app', '1.0', 3);
      await post('/api/v1/scans', { reference });
      await eventually('the change is shown', async () => (await changes()) === 3);
      await eventually('the collector was asked in vain', () => collector.headers.length > length);
      expect(await stopAll()).toEqual([0, 0, 0, 0]);
    });

    it('has logged nothing that is secret', () => {
      expectNoSecretIn([...services.values()].map(({ output }) => output).join('\n'));
      for (const service of services.values()) expect(service.loaded).toContain('@opentelemetry/sdk-trace');
    });
  });

  describe('while traces are off', () => {
    it('is told to nobody, and nothing of it is loaded', async () => {
      const { length } = collector.headers;
      await startAll({});
      registry.set('team/app', '1.0', 4);
      await post('/api/v1/scans', { reference }, { traceparent: `00-${CALLER}-00f067aa0ba902b7-01` });
      await eventually('the change is shown', async () => (await changes()) === 4);
      const message = await newest(STREAMS.history);
      expect(message.header('content-type')).toBe('application/cloudevents+json');
      expect(message.header('traceparent')).toBe('');
      expect(await stopAll()).toEqual([0, 0, 0, 0]);
      expect(collector.headers).toHaveLength(length);
      for (const { loaded, lines } of services.values()) {
        // The client of Prometheus brings the interfaces along, for its exemplars; they do nothing by themselves.
        expect([...loaded].filter((name) => name !== '@opentelemetry/api')).toEqual([]);
        expect(lines.filter((line) => 'trace_id' in line)).toEqual([]);
      }
      expectNoSecretIn([...services.values()].map(({ output }) => output).join('\n'));
    });

    it('logs no password of a store that refuses it', async () => {
      const wrong = (text = ''): string =>
        text.replace(SECRETS.nats, 'wrong-Hunter2').replace(SECRETS.postgres, 'wrong-Hunter2');
      const scheduler = new LoggedService('scheduler', { ...env, NATS_URL: wrong(env['NATS_URL']) });
      const projector = new LoggedService('history-projector', { ...env, DATABASE_URL: wrong(env['DATABASE_URL']) });
      expect(await scheduler.ended).toBe(1);
      expect(scheduler.output).toContain('scheduler: cannot start');
      await eventually('the projector has complained', () =>
        projector.output.includes('password authentication failed'),
      );
      await projector.stop();
      for (const { output } of [scheduler, projector]) expectNoSecretIn(output);
    });
  });

  async function startAll(more: Record<string, string>): Promise<void> {
    services = new Map(SERVICES.map((name) => [name, new LoggedService(name, { ...env, ...more })]));
    await Promise.all([...services.values()].map(async (service) => service.up()));
    url = `http://127.0.0.1:${String(await services.get('api')?.up())}`;
    await eventually('all is ready', async () => (await fetch(`${url}/api/v1/tags`)).status === 200);
  }

  function stopAll(): Promise<(number | null)[]> {
    return Promise.all([...services.values()].map(async (service) => service.stop()));
  }

  async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${SECRETS.caller}`, ...headers },
      body: JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
    return answer;
  }

  async function changes(): Promise<number> {
    const answer = await fetch(`${url}/api/v1/tags/${reference}/changes`);
    return ((await answer.json()) as { items: unknown[] }).items.length;
  }

  async function newest(stream: string): Promise<{ text: string; header: (name: string) => string }> {
    const jsm = await jetstreamManager(nc);
    const { state } = await jsm.streams.info(stream);
    const message = await jsm.streams.getMessage(stream, { seq: state.last_seq });
    return { text: message?.string() ?? '', header: (name) => message?.header.get(name) ?? '' };
  }
});

/** The spans of one trace. */
class Trace {
  readonly spans: CollectedSpan[];
  constructor(spans: CollectedSpan[]) {
    this.spans = spans;
  }

  one(name: string): CollectedSpan {
    const found = this.spans.find((span) => span.name === name);
    if (found === undefined) throw new Error(`no ${name} among ${this.spans.map((span) => span.name).join(', ')}`);
    return found;
  }

  /** Whose child it is, from the beginning, as `service: name`. */
  pathTo(name: string): string[] {
    const path: string[] = [];
    for (let span: CollectedSpan | undefined = this.one(name); span !== undefined;) {
      const { parentSpanId, service }: CollectedSpan = span;
      path.unshift(`${service}: ${span.name}`);
      span = this.spans.find(({ spanId }) => spanId === parentSpanId);
    }
    return path;
  }
}

function expectNoSecretIn(text: string): void {
  expect(text).not.toBe('');
  for (const secret of [...Object.values(SECRETS), BASIC, 'wrong-Hunter2']) expect(text).not.toContain(secret);
}

/** The same database for somebody with a password that is found where it should not be. */
async function databaseWithPassword(databaseUrl: string): Promise<string> {
  const database = new Database({ url: databaseUrl, name: 'spec' });
  await database.query(`create role someone superuser login password '${SECRETS.postgres}'`);
  await database.close();
  const own = new URL(databaseUrl);
  own.username = 'someone';
  own.password = SECRETS.postgres;
  return own.href;
}
