import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { noteSpan, traceContext, traced, useTracer } from '@dtm/tracing';
import { loadConfig } from '../config/config.ts';
import { startOpenTelemetry, type RunningTracer } from './open-telemetry.ts';

/** A span as OTLP's JSON has it. */
interface Told {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: Record<string, unknown> }[];
  links?: { traceId: string; spanId: string }[];
  status: { code?: number; message?: string };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}

interface Posted {
  path: string;
  headers: Record<string, unknown>;
  body: {
    resourceSpans: { resource: { attributes: Told['attributes'] }; scopeSpans: { spans: Told[] }[] }[];
  };
}

let collector: Server;
let posted: Posted[];
let tracer: RunningTracer | null = null;
let problems: string[];

beforeEach(async () => {
  posted = [];
  problems = [];
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Posted['body'];
      posted.push({ path: request.url ?? '', headers: request.headers, body });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await tracer?.end(1_000);
  tracer = null;
  useTracer(null);
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
});

function start(env: NodeJS.ProcessEnv = {}): RunningTracer {
  const { tracing } = loadConfig('scheduler', {
    NATS_URL: 'nats://h',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    ...env,
  });
  if (tracing === null) throw new Error('traces are off');
  tracer = startOpenTelemetry(tracing, { name: 'scheduler', version: '1.2.3' }, (words) => problems.push(words));
  useTracer(tracer);
  return tracer;
}

/** Sends what is left and answers all spans by name. */
async function spans(): Promise<Map<string, Told[]>> {
  await tracer?.end(5_000);
  const all = posted.flatMap(({ body }) =>
    body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans)),
  );
  return Map.groupBy(all, ({ name }) => name);
}

function only(found: Map<string, Told[]>, name: string): Told {
  const [span, ...more] = found.get(name) ?? [];
  if (span === undefined || more.length > 0) throw new Error(`there are ${more.length} more, or none, of ${name}`);
  return span;
}

describe('spans', () => {
  it('are sent with their parents, attributes and failures, across what is asynchronous', async () => {
    start();
    const failing = traced(
      'scan',
      { kind: 'consumer', parent: null, attributes: { 'dtm.repository': 'a' } },
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        noteSpan('HEAD', { kind: 'client', milliseconds: 50, attributes: { 'http.response.status_code': 200 } });
        await traced('append', { kind: 'producer' }, (span) => {
          span.set({ outcome: 'appended' });
          span.rename('append HISTORY');
          return Promise.resolve();
        });
        throw new TypeError('it broke');
      },
    );
    await expect(failing).rejects.toThrow('it broke');
    const found = await spans();
    const scan = only(found, 'scan');
    expect(scan).toMatchObject({
      kind: 5,
      status: { code: 2, message: 'it broke' },
      attributes: [
        { key: 'dtm.repository', value: { stringValue: 'a' } },
        { key: 'error.type', value: { stringValue: 'TypeError' } },
      ],
    });
    expect(scan.parentSpanId ?? '').toBe('');
    const head = only(found, 'HEAD');
    expect(head).toMatchObject({ kind: 3, traceId: scan.traceId, parentSpanId: scan.spanId });
    expect(BigInt(head.endTimeUnixNano) - BigInt(head.startTimeUnixNano)).toBe(50_000_000n);
    expect(only(found, 'append HISTORY')).toMatchObject({
      kind: 4,
      traceId: scan.traceId,
      parentSpanId: scan.spanId,
      attributes: [{ key: 'outcome', value: { stringValue: 'appended' } }],
    });
  });

  it('say whose they are', async () => {
    start({ OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=ours,team=a', OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret' });
    traced('a', { parent: null }, () => null);
    await spans();
    const [{ path, headers, body }] = posted as [Posted];
    expect(path).toBe('/v1/traces');
    expect(headers['x-key']).toBe('secret');
    const told = body.resourceSpans[0]?.resource.attributes.map(({ key, value }) => [key, value['stringValue']]);
    expect(Object.fromEntries(told ?? [])).toMatchObject({
      'service.name': 'scheduler',
      'service.namespace': 'ours',
      'service.version': '1.2.3',
      team: 'a',
    });
  });

  it('go on in another process where a context is carried there, and are linked', async () => {
    start();
    const sent = traced('request', { kind: 'producer', parent: null }, () => traceContext());
    expect(sent?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    if (sent === null) throw new Error('there is no context');
    expect(traceContext()).toBeNull();
    traced('scan', { kind: 'consumer', parent: { ...sent, tracestate: 'vendor=1' } }, () => {
      expect(traceContext()).toMatchObject({ tracestate: 'vendor=1' });
    });
    traced('batch', { parent: null, links: [sent] }, () => null);
    const found = await spans();
    const request = only(found, 'request');
    expect(only(found, 'scan')).toMatchObject({ traceId: request.traceId, parentSpanId: request.spanId });
    const batch = only(found, 'batch');
    expect(batch.traceId).not.toBe(request.traceId);
    expect(batch.links).toMatchObject([{ traceId: request.traceId, spanId: request.spanId }]);
  });

  it('are not told of once discarded', async () => {
    start();
    traced('a', { parent: null }, (span) => span.discard());
    traced('b', { parent: null }, () => null);
    expect([...(await spans()).keys()]).toEqual(['b']);
  });

  it('of one name below one span are bounded, and the rest is counted', async () => {
    start();
    traced('scan', { parent: null }, () => {
      for (let i = 0; i < 130; i++) {
        noteSpan('HEAD', { milliseconds: 1 });
        traced('append HISTORY', {}, (span) => {
          span.fail('of its own');
          // What goes on its way from there belongs to the trace all the same.
          expect(traceContext()).not.toBeNull();
        });
      }
      traced('append SCAN_LOG', {}, () => null);
    });
    const found = await spans();
    expect([...found].map(([name, all]) => [name, all.length])).toEqual([
      ['HEAD', 100],
      ['append HISTORY', 100],
      ['append SCAN_LOG', 1],
      ['scan', 1],
    ]);
    const scan = only(found, 'scan');
    expect(scan.status.code ?? 0).toBe(0);
    expect(scan.attributes).toEqual([
      { key: 'dtm.left_out.HEAD', value: { intValue: 30 } },
      { key: 'dtm.left_out.append_HISTORY', value: { intValue: 30 } },
    ]);
  });

  it('are left out where the sampler says so, and the context says it on', async () => {
    start({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' });
    traced('a', { parent: null }, () => expect(traceContext()?.traceparent).toMatch(/-00$/));
    const parent = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    traced('b', { parent }, () => null);
    expect([...(await spans()).keys()]).toEqual(['b']);
  });
});

describe('a collector that is away', () => {
  // The exporter reads this one itself; what is under way when a test ends should not outlive it for long.
  beforeEach(() => {
    process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '500';
  });
  afterEach(() => {
    delete process.env['OTEL_EXPORTER_OTLP_TIMEOUT'];
  });

  it('holds up neither work nor end where nobody listens', async () => {
    const running = start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_BSP_SCHEDULE_DELAY: '10' });
    for (let i = 0; i < 5_000; i++) expect(traced('a', { parent: null }, () => i)).toBe(i);
    await running.end(100);
  });

  it('holds up neither where it takes everything and answers nothing', async () => {
    collector.removeAllListeners('request');
    const asked = new Promise((resolve) => collector.once('request', resolve));
    const running = start({ OTEL_BSP_SCHEDULE_DELAY: '10' });
    traced('a', { parent: null }, () => null);
    await asked;
    for (let i = 0; i < 5_000; i++) expect(traced('a', { parent: null }, () => i)).toBe(i);
    await running.end(100);
  });

  it('is spoken of once where it refuses for good', async () => {
    collector.removeAllListeners('request');
    let asked = 0;
    const twice = new Promise<void>((resolve) => {
      collector.on('request', (_request, response) => {
        response.statusCode = 401;
        response.end('no');
        if (++asked === 2) resolve();
      });
    });
    start({ OTEL_BSP_SCHEDULE_DELAY: '10', OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hunter2' });
    const working = setInterval(() => traced('a', { parent: null }, () => null), 5);
    await twice;
    clearInterval(working);
    await tracer?.end(1_000);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('Unauthorized');
    expect(problems[0]).not.toContain('hunter2');
  });
});
