import { afterEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { loadConfig } from '../config/config.ts';
import { Readiness } from '../health/readiness.ts';
import { HostModule } from './host-module.ts';

class EmptyModule {}

let app: NestExpressApplication | null = null;
afterEach(async () => {
  await app?.close();
  app = null;
});

async function start(): Promise<{ url: string; readiness: Readiness }> {
  const config = loadConfig('scheduler', { NATS_URL: 'nats://h', LOG_LEVEL: 'silent' });
  app = await NestFactory.create<NestExpressApplication>(HostModule.forRoot(config, { module: EmptyModule }), {
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), readiness: app.get(Readiness) };
}

describe('HostModule', () => {
  it('answers the probes', async () => {
    const { url, readiness } = await start();
    readiness.register('stream', () => Promise.resolve());
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ status: 'ok', checks: { stream: 'ok' } });
    const metrics = await fetch(`${url}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    expect(await metrics.text()).toContain('process_cpu_seconds_total');
  });

  it('is unavailable without a required part, degraded without an optional one', async () => {
    const { url, readiness } = await start();
    readiness.register('nats', () => Promise.reject(new Error('not connected')), 'optional');
    const degraded = await fetch(`${url}/readyz`);
    expect(degraded.status).toBe(200);
    expect(await degraded.json()).toEqual({ status: 'degraded', checks: { nats: 'not connected' } });
    readiness.register('postgres', () => Promise.reject(new Error('no answer')));
    const unavailable = await fetch(`${url}/readyz`);
    expect(unavailable.status).toBe(503);
    expect(await unavailable.json()).toEqual({
      status: 'unavailable',
      checks: { nats: 'not connected', postgres: 'no answer' },
    });
  });

  it('echoes a harmless request id and replaces any other', async () => {
    const { url } = await start();
    const kept = await fetch(`${url}/healthz`, { headers: { 'x-request-id': 'abc-1.2_3' } });
    expect(kept.headers.get('x-request-id')).toBe('abc-1.2_3');
    const replaced = await fetch(`${url}/healthz`, { headers: { 'x-request-id': 'a b;c' } });
    expect(replaced.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
