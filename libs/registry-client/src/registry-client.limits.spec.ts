import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MEDIA_TYPES, Reference } from '@dtm/oci';
import { LocalThrottle } from './local-throttle.ts';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf, ScriptedRegistry, type ScriptedStep, type TestClientOptions } from './testing/index.ts';
import type { Throttle } from './throttle.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const found = { headers: { 'docker-content-digest': digest, 'content-type': MEDIA_TYPES.ociIndex } };
const path = '/v2/team/app/manifests/1.0';
const head = { method: 'HEAD', path } as const;
const get = { method: 'GET', path } as const;

/** Remembers halts; lets everything through. */
class OpenThrottle implements Throttle {
  readonly halts: { registry: string; until: string; reason: string }[] = [];
  acquired = 0;

  acquire(): Promise<void> {
    this.acquired++;
    return Promise.resolve();
  }

  halt(registry: string, until: Date, reason: string): Promise<void> {
    this.halts.push({ registry, until: until.toISOString(), reason });
    return Promise.resolve();
  }
}

describe('RegistryClient, limits', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;
  let throttle: OpenThrottle;

  const start = (options: TestClientOptions = {}): void => {
    client = clientOf({ insecure: { [registry.host]: {} }, throttle, ...options });
  };
  const observe = (): ReturnType<RegistryClient['observe']> =>
    client.observe(Reference.of(registry.host, 'team/app', '1.0'));

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    throttle = new OpenThrottle();
    start();
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  describe('of rate', () => {
    const now = new Date('2026-11-20T12:00:00Z');
    const inAnHour = { until: '2026-11-20T13:00:00.000Z' };

    it.each<[string, Partial<ScriptedStep>, { until: string }]>([
      ['Retry-After in seconds', { headers: { 'retry-after': '3600' } }, inAnHour],
      ['Retry-After as a date', { headers: { 'retry-after': 'Fri, 20 Nov 2026 13:00:00 GMT' } }, inAnHour],
      ['X-Retry-After as a Unix time', { headers: { 'x-retry-after': '1795179600' } }, inAnHour],
      ['X-RateLimit-Reset', { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1795179600' } }, inAnHour],
      ['ten years', { headers: { 'retry-after': '315360000' } }, { until: '2026-11-21T12:00:00.000Z' }],
    ])('halts the registry until the time named by %s', async (_name, step, { until }) => {
      await client.close();
      start({ now: () => now });
      registry.expect({ ...head, status: 429, ...step });
      const failure = await failureOf(observe());
      expect(failure).toMatchObject({ code: 'throttled', requests: 1 });
      expect(failure.retryAt?.toISOString()).toBe(until);
      expect(failure.message).toContain('429 Too Many Requests');
      expect(throttle.halts).toEqual([
        { registry: registry.host, until, reason: 'the registry answered 429 Too Many Requests' },
      ]);
    });

    it('halts by a duration in the message', async () => {
      await client.close();
      start({ now: () => now });
      const body =
        '{"errors":[{"code":"TOOMANYREQUESTS","message":"toomanyrequests: retry-after: 1h0m0s, allowed: 44000/minute"}]}';
      registry.expect({ ...head, status: 405 }, { ...get, status: 429, body });
      expect((await failureOf(observe())).retryAt?.toISOString()).toBe(inAnHour.until);
    });

    it.each([
      ['no time', {}],
      ['a time at once', { headers: { 'retry-after': '0' } }],
      ["GHCR's microseconds", { headers: {}, body: 'retry-after: 916.67µs, allowed: 44000/minute' }],
    ])('pauses shortly and asks again where 429 names %s', async (_name, step) => {
      registry.expect(
        { ...head, status: 405 },
        { ...get, status: 429, ...step, times: 2 },
        { ...get, body: '{"schemaVersion":2,"config":{}}' },
      );
      expect(await observe()).toMatchObject({ outcome: 'present', requests: 4 });
      expect(throttle.halts).toEqual([]);
      expect(throttle.acquired).toBe(4);
    });

    it('halts for the cool-down where pauses do not help', async () => {
      registry.expect({ ...head, status: 429, times: 3 });
      const before = Date.now();
      const failure = await failureOf(observe());
      expect(failure).toMatchObject({ code: 'throttled', requests: 3 });
      expect(failure.retryAt?.getTime()).toBeGreaterThanOrEqual(before + 5000);
      expect(throttle.halts).toHaveLength(1);
    });

    it('halts at once where the configured pause is long', async () => {
      await client.close();
      start({ now: () => now, retry: { maxOnRateLimit: 10, sleepMs: 60_000, cooldownMs: 5000 } });
      registry.expect({ ...head, status: 429 });
      expect((await failureOf(observe())).retryAt?.toISOString()).toBe('2026-11-20T12:01:00.000Z');
    });

    it('halts on a 503 that names a time', async () => {
      await client.close();
      start({ now: () => now });
      registry.expect({ ...head, status: 503, headers: { 'retry-after': '3600' } });
      expect(await failureOf(observe())).toMatchObject({ code: 'server-error', retryAt: new Date(inAnHour.until) });
      expect(throttle.halts).toHaveLength(1);
    });

    it('fails as the throttle says, naming the operation', async () => {
      await client.close();
      const local = new LocalThrottle({ requestsPerSecond: 10 });
      const until = new Date(Date.now() + 60_000);
      await local.halt(registry.host, until, 'the registry answered 429 Too Many Requests');
      start({ throttle: local });
      const failure = await failureOf(observe());
      expect(failure).toMatchObject({ code: 'throttled', operation: 'HEAD', retryAt: until, requests: 0 });
      expect(failure.reference).toBe(`${registry.host}/team/app:1.0`);
    });
  });

  describe('of size', () => {
    const gigabyte = 1024 ** 3;
    /** Sends until the client hangs up, and tells how much went out. */
    const flood = (
      response: ServerResponse,
      headers: Record<string, string | number>,
      status = 200,
    ): { sent: number; closed: Promise<void> } => {
      const state = { sent: 0, closed: new Promise<void>((resolve) => response.on('close', resolve)) };
      const chunk = Buffer.alloc(64 * 1024, 'a');
      response.writeHead(status, headers);
      const write = (): void => {
        while (!response.destroyed && state.sent < gigabyte) {
          state.sent += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', write);
            return;
          }
        }
      };
      write();
      return state;
    };

    it.each<[string, Record<string, string | number>]>([
      ['announced', { 'content-length': gigabyte }],
      ['not announced', {}],
    ])('breaks off a manifest of 1 GB, %s', async (_name, headers) => {
      let flooding = { sent: 0, closed: Promise.resolve() };
      registry.expect({ ...head }, { ...get, answer: (_request, response) => (flooding = flood(response, headers)) });
      const failure = await failureOf(observe());
      expect(failure).toMatchObject({ code: 'bad-answer', requests: 2 });
      expect(failure.reason).toContain('too large');
      await flooding.closed;
      expect(flooding.sent).toBeLessThan(64 * 1024 * 1024);
    });

    it('reads only the start of an error page', async () => {
      let flooding = { sent: 0, closed: Promise.resolve() };
      registry.expect(
        { ...head },
        {
          ...get,
          answer: (_request, response) => (flooding = flood(response, {}, 502)),
        },
      );
      expect(await failureOf(observe())).toMatchObject({ code: 'server-error' });
      await flooding.closed;
      expect(flooding.sent).toBeLessThan(64 * 1024 * 1024);
    });

    it('refuses more headers than the limit', async () => {
      const headers = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-h${i}`, 'v'.repeat(1000)]));
      registry.expect({ ...head, headers });
      expect(await failureOf(observe())).toMatchObject({ code: 'bad-answer', requests: 1 });
    });
  });

  describe('of time', () => {
    const brief = { limits: { operationMs: 300, connectMs: 200 } };

    it('gives up on a registry that does not answer', async () => {
      await client.close();
      start(brief);
      registry.expect({ ...head, answer: () => undefined });
      expect(await failureOf(observe())).toMatchObject({ code: 'timeout', requests: 1 });
    });

    it('gives up on an answer that drips', async () => {
      await client.close();
      start(brief);
      let drip: NodeJS.Timeout | undefined;
      registry.expect(
        { ...head },
        {
          ...get,
          answer: (_request, response) => {
            response.writeHead(200);
            drip = setInterval(() => response.write(' '), 20);
          },
        },
      );
      expect(await failureOf(observe())).toMatchObject({ code: 'timeout' });
      clearInterval(drip);
    });

    it('gives up on a name server that does not answer', async () => {
      const waiting = clientOf({ limits: { operationMs: 2000, connectMs: 200 }, resolve: () => undefined });
      const failure = await failureOf(waiting.observe(Reference.of('registry.example.com', 'team/app', '1.0')));
      expect(failure.code).toBe('timeout');
      await waiting.close();
    });

    it('does not send what nobody waits for any more', async () => {
      await client.close();
      start({ ...brief, connectionsPerRegistry: 1 });
      registry.expect({ ...head, answer: () => undefined });
      const failures = await Promise.all([failureOf(observe()), failureOf(observe())]);
      expect(failures.map(({ code }) => code)).toEqual(['timeout', 'timeout']);
      registry.expect({ ...head, ...found });
      expect(await observe()).toMatchObject({ digest });
    });
  });

  describe('of redirects', () => {
    it('notices a circle', async () => {
      registry.expect(
        { ...head, status: 302, headers: { location: '/a' } },
        { method: 'HEAD', path: '/a', status: 302, headers: { location: path } },
      );
      expect(await failureOf(observe())).toMatchObject({
        code: 'bad-answer',
        reason: 'the registry redirects in a circle',
      });
    });

    it('notices a redirect to itself', async () => {
      registry.expect({ ...head, status: 307, headers: { location: path } });
      expect(await failureOf(observe())).toMatchObject({
        code: 'bad-answer',
        reason: 'the registry redirects in a circle',
      });
    });

    it('follows five and no more', async () => {
      const step = (from: number): ScriptedStep => ({
        method: 'HEAD',
        path: `/${from}`,
        status: 302,
        headers: { location: `/${from + 1}` },
      });
      registry.expect({ ...head, status: 302, headers: { location: '/1' } }, step(1), step(2), step(3), step(4), {
        method: 'HEAD',
        path: '/5',
        ...found,
      });
      expect(await observe()).toMatchObject({ digest, requests: 6 });
      registry.expect(
        { ...head, status: 302, headers: { location: '/1' } },
        step(1),
        step(2),
        step(3),
        step(4),
        step(5),
      );
      expect(await failureOf(observe())).toMatchObject({ code: 'bad-answer', requests: 6 });
    });

    it.each([
      ['none', {}],
      ['two', { location: ['/a', '/b'] }],
      ['a broken one', { location: 'http://[' }],
    ] as [string, Record<string, string | string[]>][])(
      'says that a redirect names no target: %s',
      async (_name, headers) => {
        registry.expect({ ...head, status: 302, headers });
        expect(await failureOf(observe())).toMatchObject({ code: 'bad-answer' });
      },
    );
  });
});
