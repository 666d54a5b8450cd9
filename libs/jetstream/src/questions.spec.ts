import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { Controller, Module, UseFilters, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { of } from 'rxjs';
import { connectNats } from './connection.ts';
import {
  askAvailableTags,
  askNextScan,
  askScanNow,
  askTagExists,
  NoAnswer,
  QUERIES,
  type AvailableTagsAnswer,
  type NextScanAnswer,
  type RepositoryQuestion,
  type TagExistsAnswer,
  type TagQuestion,
} from './queries.ts';
import { reference } from './testing/sample-data.ts';
import { JetStreamStrategy, KeepErrorClass } from './transport.ts';

let answers = 0;
let release = (): void => undefined;

@Controller()
@UseFilters(KeepErrorClass)
class Questions {
  @MessagePattern(QUERIES.tagExists)
  async tagExists(@Payload() question: TagQuestion): Promise<TagExistsAnswer> {
    if (question.tag === 'broken') throw new TypeError('the answer broke');
    if (question.tag === 'slow') await new Promise<void>((resolve) => (release = resolve));
    answers++;
    return question.tag === '1' ? { outcome: 'exists' } : { outcome: 'not-found', reason: 'it is not there' };
  }

  @MessagePattern(QUERIES.availableTags)
  availableTags(@Payload() question: RepositoryQuestion): Promise<AvailableTagsAnswer> {
    return Promise.resolve({ outcome: 'listed', tags: [question.registry, question.repository] });
  }

  /** An observable is an answer too. */
  @MessagePattern(QUERIES.nextScan)
  nextScan(): unknown {
    return of<NextScanAnswer>({ at: null, reason: 'it is not tracked' });
  }
}

@Module({ controllers: [Questions] })
class AnsweringModule {}

@Controller()
class NobodyDelivers {
  @EventPattern<string>('nobody.delivers')
  handle(@Payload() _job: unknown): void {
    return;
  }
}

@Module({ controllers: [NobodyDelivers] })
class MiswiredModule {}

let nats: RunningNats;
let nc: NatsConnection;
const connections: NatsConnection[] = [];
const apps: INestMicroservice[] = [];

async function answering(): Promise<INestMicroservice> {
  const connection = await connectNats({ url: nats.url, name: 'answering' });
  connections.push(connection);
  const strategy = new JetStreamStrategy(connection, {});
  const app = await NestFactory.createMicroservice(AnsweringModule, { strategy, logger: false });
  await app.listen();
  return app;
}

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'asking' });
  apps.push(await answering(), await answering());
});

afterAll(async () => {
  for (const app of apps) await app.close();
  for (const connection of [nc, ...connections]) await connection.close();
  await nats.stop();
});

const deadline = { timeoutMs: 10_000 };

describe('questions behind @MessagePattern', () => {
  it('are answered, by one of the replicas', async () => {
    answers = 0;
    expect(await askTagExists(nc, reference('app:1'), deadline)).toEqual({ outcome: 'exists' });
    expect(await askTagExists(nc, reference('app:2'), deadline)).toEqual({
      outcome: 'not-found',
      reason: 'it is not there',
    });
    expect(answers).toBe(2);
  });

  it('carry what is asked about', async () => {
    const answer = await askAvailableTags(nc, reference('quay.io/acme/app:1').name, deadline);
    expect(answer).toEqual({ outcome: 'listed', tags: ['quay.io', 'acme/app'] });
  });

  it('are answered by observables too', async () => {
    const answer = await askNextScan(nc, reference('app:1'), deadline);
    expect(answer).toEqual({ at: null, reason: 'it is not tracked' });
  });

  it('come back as errors where the answer fails, and name the question', async () => {
    const asking = askTagExists(nc, reference('app:broken'), deadline);
    await expect(asking).rejects.toThrow('registry.query.tag-exists: the answer broke');
    await expect(asking).rejects.not.toBeInstanceOf(NoAnswer);
  });

  it('come back as errors where they cannot be read', async () => {
    const reply = await nc.request(QUERIES.tagExists, 'no JSON', { timeout: 10_000 });
    expect(reply.json()).toEqual({ error: expect.any(String) });
  });

  it('reject with NoAnswer where nobody listens, and where nobody answers in time', async () => {
    await expect(askScanNow(nc, reference('app:1').name, deadline)).rejects.toBeInstanceOf(NoAnswer);
    const slow = askTagExists(nc, reference('app:slow'), { timeoutMs: 100 });
    await expect(slow).rejects.toThrow('nobody answered registry.query.tag-exists within 100 ms');
    release();
  });

  it('that are under way are answered before the application ends', async () => {
    const app = apps.pop();
    await apps.pop()?.close();
    const asking = askTagExists(nc, reference('app:slow'), deadline);
    release = (): void => undefined;
    const before = release;
    while (release === before) await new Promise((resolve) => setTimeout(resolve, 10));
    const closing = app?.close();
    release();
    expect(await asking).toMatchObject({ outcome: 'not-found' });
    await closing;
    await expect(askTagExists(nc, reference('app:1'), deadline)).rejects.toBeInstanceOf(NoAnswer);
  });

  it('end at once also while the server is away', async () => {
    const app = await answering();
    await nats.kill('SIGKILL');
    await app.close();
    await nats.restart();
  });
});

describe('JetStreamStrategy', () => {
  it('refuses to listen where nothing delivers an event pattern', async () => {
    const failures: unknown[] = [];
    const strategy = new JetStreamStrategy(nc, {});
    const app = await NestFactory.createMicroservice(MiswiredModule, { strategy, logger: false });
    const listen = strategy.listen.bind(strategy);
    strategy.listen = (callback) =>
      listen((error) => {
        failures.push(error);
        callback();
      });
    await app.listen();
    expect(failures).toEqual([new Error('nothing delivers the event pattern nobody.delivers')]);
    await app.close();
  });
});
