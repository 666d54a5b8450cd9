import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { NestFactory } from '@nestjs/core';
import { connectNats, serversAndCredentials } from './connection.ts';
import { checkNats, JetStreamModule, NATS } from './nest-module.ts';
import { until } from './testing/sample-data.ts';
import { STREAMS, streamState } from './streams.ts';

describe('serversAndCredentials', () => {
  it.each([
    ['nats://localhost:4222', { servers: ['nats://localhost:4222'] }],
    ['localhost', { servers: ['nats://localhost:4222'] }],
    ['nats://[::1]:4333', { servers: ['nats://[::1]:4333'] }],
    ['nats://a:1, nats://b:2,c', { servers: ['nats://a:1', 'nats://b:2', 'nats://c:4222'] }],
    ['nats://token@a', { servers: ['nats://a:4222'], token: 'token' }],
    ['nats://u%40x:p%3Aw@a,nats://b', { servers: ['nats://a:4222', 'nats://b:4222'], user: 'u@x', pass: 'p:w' }],
  ])('reads %s', (url, expected) => {
    expect(serversAndCredentials(url)).toEqual(expected);
  });
});

describe('connectNats', () => {
  let nats: RunningNats;

  beforeAll(async () => {
    nats = await startNats();
  });

  afterAll(async () => {
    await nats.stop();
  });

  it('waits for a server that is not up yet, and tells when the connection is lost and back', async () => {
    await nats.kill('SIGKILL');
    const told: string[] = [];
    const connecting = connectNats({ url: nats.url, name: 'spec', onStatus: (text) => told.push(text) });
    await nats.restart();
    const nc = await connecting;
    expect(told).toEqual([]);
    await nats.kill('SIGKILL');
    await until(() => told.length === 1);
    await expect(checkNats(nc)).rejects.toThrow();
    await nats.restart();
    await until(() => told.length === 2);
    expect(told).toEqual(['the connection to NATS is lost; reconnecting', 'connected to NATS again']);
    await checkNats(nc);
    await nc.close();
    await expect(checkNats(nc)).rejects.toThrow('closed');
  });

  it('is there for a whole Nest application, with its streams, and ends with it', async () => {
    const options = { url: nats.url, name: 'spec', replicas: 1 as const };
    const app = await NestFactory.createApplicationContext(JetStreamModule.forRoot(options), { logger: false });
    const nc = app.get<NatsConnection>(NATS);
    expect(await streamState(nc, STREAMS.history)).toMatchObject({ lastSequence: 0 });
    await app.close();
    expect(nc.isClosed()).toBe(true);
  });

  it('ends with its application also while the server is away', async () => {
    const options = { url: nats.url, name: 'spec', replicas: 1 as const };
    const app = await NestFactory.createApplicationContext(JetStreamModule.forRoot(options), { logger: false });
    const nc = app.get<NatsConnection>(NATS);
    await nats.kill('SIGKILL');
    await app.close();
    expect(nc.isClosed()).toBe(true);
    await nats.restart();
  });
});
