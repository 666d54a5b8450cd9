import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { Controller, Inject, Module, UseFilters, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import { connectNats } from './connection.ts';
import { scanRequest, until } from './testing/sample-data.ts';
import { RetryLater } from './job-message.ts';
import { ScanJobs, type ScanJob, type ScanJobsOptions } from './scan-jobs.ts';
import { ScanQueue } from './scan-queue.ts';
import { ensureStreams, STREAMS } from './streams.ts';
import { JetStreamStrategy, KeepErrorClass } from './transport.ts';

const SCAN_REQUEST = 'scan.request';
const HANDLE = Symbol('handle');
const HOUR_MS = 3600_000;

type Handle = (job: ScanJob) => Promise<void>;

@Controller()
@UseFilters(KeepErrorClass)
class ScanHandler {
  constructor(@Inject(HANDLE) private readonly handle: Handle) {}

  @EventPattern<string>(SCAN_REQUEST)
  async scan(@Payload() job: ScanJob): Promise<void> {
    await this.handle(job);
  }
}

@Module({})
class FetcherModule {}

/** A fetcher as its service is made: a Nest application whose handler reads as what it handles. */
interface Fetcher {
  nc: NatsConnection;
  jobs: ScanJobs;
  app: INestMicroservice;
  /** `repository#delivery` of each job, in the order in which they began. */
  begun: string[];
  errors: { operation: string; error: unknown }[];
}

async function startFetcher(
  registries: readonly string[],
  handle: Handle,
  options: Partial<ScanJobsOptions> = {},
): Promise<Fetcher> {
  const errors: Fetcher['errors'] = [];
  const begun: string[] = [];
  const connection = await connectNats({ url: nats.url, name: 'fetcher' });
  const jobs = new ScanJobs(connection, {
    perRegistry: 2,
    ackWaitMs: 2_000,
    onError: (operation, error) => errors.push({ operation, error }),
    ...options,
  });
  for (const registry of registries) jobs.addRegistry(registry);
  const noted: Handle = async (job) => {
    begun.push(`${job.request.repository}#${job.delivery}`);
    await handle(job);
  };
  const app = await NestFactory.createMicroservice(
    { module: FetcherModule, controllers: [ScanHandler], providers: [{ provide: HANDLE, useValue: noted }] },
    { strategy: new JetStreamStrategy(connection, { [SCAN_REQUEST]: jobs }), logger: false },
  );
  await app.listen();
  const fetcher = { nc: connection, jobs, app, begun, errors };
  running.add(fetcher);
  return fetcher;
}

async function drain(fetcher: Fetcher): Promise<void> {
  running.delete(fetcher);
  await fetcher.app.close();
  await fetcher.nc.close();
}

const running = new Set<Fetcher>();
let nats: RunningNats;
let nc: NatsConnection;
let queue: ScanQueue;
let slots = 0;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
  queue = new ScanQueue(nc);
});

afterEach(async () => {
  for (const fetcher of [...running]) await drain(fetcher);
  await (await jetstreamManager(nc)).streams.purge(STREAMS.scans);
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

async function request(...references: string[]): Promise<void> {
  for (const reference of references) {
    expect(await queue.request(scanRequest(reference), `slot-${++slots}`)).toBe('requested');
  }
}

async function pending(): Promise<number> {
  return (await (await jetstreamManager(nc)).streams.info(STREAMS.scans)).state.messages;
}

const allDone = (): Promise<void> => until(async () => (await pending()) === 0);

describe('ScanJobs behind @EventPattern', () => {
  it('hands a request to the handler and acknowledges it after success', async () => {
    const jobs: ScanJob[] = [];
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    await startFetcher(['docker.io'], async (job) => {
      jobs.push(job);
      await finished;
    });
    await request('app:1');
    await until(() => jobs.length === 1);
    expect(jobs[0]).toMatchObject({ request: scanRequest('app:1'), delivery: 1 });
    expect(await pending()).toBe(1);
    finish();
    await allDone();
  });

  it('works on a registry that is added later, and on one that is added twice', async () => {
    const fetcher = await startFetcher([], () => Promise.resolve());
    await request('app:1', 'quay.io/acme/app:1');
    fetcher.jobs.addRegistry('docker.io');
    fetcher.jobs.addRegistry('docker.io');
    fetcher.jobs.addRegistry('quay.io');
    await allDone();
    expect(fetcher.begun.toSorted()).toEqual(['acme/app#1', 'library/app#1']);
  });

  it('delivers a failed job again after a while, and reports the failure', async () => {
    const fetcher = await startFetcher(['docker.io'], (job) =>
      job.delivery === 1 ? Promise.reject(new Error('it broke')) : Promise.resolve(),
    );
    await request('app:1');
    await allDone();
    expect(fetcher.begun).toEqual(['library/app#1', 'library/app#2']);
    expect(fetcher.errors).toMatchObject([{ operation: 'scan docker.io/library/app', error: { message: 'it broke' } }]);
  });

  it('honours how long RetryLater wants to wait, beyond the time after which a silent job is given away', async () => {
    const fetcher = await startFetcher(
      ['docker.io'],
      (job) => {
        if (job.request.repository === 'library/long') return Promise.reject(new RetryLater('halted', HOUR_MS));
        return job.delivery < 3 ? Promise.reject(new RetryLater('busy', 700.5)) : Promise.resolve();
      },
      { ackWaitMs: 500 },
    );
    await request('long:1', 'short:1');
    await until(async () => (await pending()) === 1);
    expect(fetcher.begun.filter((job) => job.startsWith('library/long'))).toEqual(['library/long#1']);
    expect(fetcher.begun.filter((job) => job.startsWith('library/short'))).toHaveLength(3);
    expect(fetcher.errors).toEqual([]);
  });

  it('delivers at once where RetryLater wants no wait', async () => {
    const fetcher = await startFetcher(['docker.io'], (job) =>
      job.delivery < 4 ? Promise.reject(new RetryLater('again', 0)) : Promise.resolve(),
    );
    await request('app:1');
    await allDone();
    expect(fetcher.begun).toHaveLength(4);
  });

  it('lets a halted registry hold up no other', async () => {
    const fetcher = await startFetcher(['docker.io', 'quay.io'], ({ request: { registry } }) =>
      registry === 'docker.io' ? Promise.reject(new RetryLater('halted', HOUR_MS)) : Promise.resolve(),
    );
    await request(...Array.from({ length: 20 }, (_, i) => `app-${i}:1`));
    await until(() => fetcher.begun.length === 20);
    await request('quay.io/acme/app:1', 'quay.io/acme/tool:1');
    await until(async () => (await pending()) === 20);
    expect(fetcher.begun.slice(20).toSorted()).toEqual(['acme/app#1', 'acme/tool#1']);
  });

  it('keeps a long job to the fetcher that works on it', async () => {
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const handle: Handle = async ({ request: { repository } }) => {
      if (repository === 'library/long') await finished;
    };
    const fetchers = [
      await startFetcher(['docker.io'], handle, { ackWaitMs: 1_500 }),
      await startFetcher(['docker.io'], handle, { ackWaitMs: 1_500 }),
    ];
    await request('long:1');
    // Longer than two waits: what is silent for one would be delivered again.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await request('short:1');
    await until(async () => (await pending()) === 1);
    finish();
    await allDone();
    expect(fetchers.flatMap((fetcher) => fetcher.begun).toSorted()).toEqual(['library/long#1', 'library/short#1']);
  });

  it('gives the job of a fetcher that is gone to another', async () => {
    const gone = await startFetcher(['docker.io'], untilDrained, { ackWaitMs: 500 });
    await request('app:1');
    await until(() => gone.begun.length === 1);
    await gone.nc.close();
    const other = await startFetcher(['docker.io'], () => Promise.resolve(), { ackWaitMs: 500 });
    await allDone();
    expect(other.begun).toEqual(['library/app#2']);
  });

  it('shares the jobs of a registry between fetchers', async () => {
    let both = (): void => undefined;
    const bothWork = new Promise<void>((resolve) => (both = resolve));
    const fetchers: Fetcher[] = [];
    const handle: Handle = async () => {
      if (fetchers.length === 2 && fetchers.every((fetcher) => fetcher.begun.length > 0)) both();
      await bothWork;
    };
    fetchers.push(await startFetcher(['docker.io'], handle, { perRegistry: 1 }));
    fetchers.push(await startFetcher(['docker.io'], handle, { perRegistry: 1 }));
    const references = Array.from({ length: 20 }, (_, i) => `app-${i}:1`);
    await request(...references);
    await allDone();
    const begun = fetchers.flatMap((fetcher) => fetcher.begun);
    expect(begun.toSorted()).toEqual(references.map((_, i) => `library/app-${i}#1`).toSorted());
  });

  it('works on so many repositories of a registry at once as it was told', async () => {
    let atOnce = 0;
    let most = 0;
    await startFetcher(
      ['docker.io'],
      async () => {
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setTimeout(resolve, 30));
        atOnce--;
      },
      { perRegistry: 3 },
    );
    await request(...Array.from({ length: 12 }, (_, i) => `app-${i}:1`));
    await allDone();
    expect(most).toBe(3);
  });

  it('ends its jobs and takes no more when it drains; another fetcher goes on', async () => {
    const ended: string[] = [];
    const first = await startFetcher(
      ['docker.io'],
      async (job) => {
        await untilDrained(job).catch(() => undefined);
        ended.push(job.request.repository);
        throw new RetryLater('the fetcher drains', 0);
      },
      { perRegistry: 1 },
    );
    await request('app:1', 'tool:1');
    await until(() => first.begun.length === 1);
    await drain(first);
    expect(ended).toEqual(['library/app']);
    expect(first.begun).toEqual(['library/app#1']);
    expect(await pending()).toBe(2);
    const second = await startFetcher(['docker.io'], () => Promise.resolve());
    await allDone();
    expect(second.begun.toSorted()).toEqual(['library/app#2', 'library/tool#1']);
  });

  it('drops a request that nobody can read, and says so', async () => {
    const fetcher = await startFetcher(['docker.io'], () => Promise.resolve());
    await jetstream(nc).publish('scan.request.docker=2Eio.library/app', '{"type":"dockertagmonitor.ScanRequest.v9"}');
    await allDone();
    expect(fetcher.begun).toEqual([]);
    expect(fetcher.errors).toMatchObject([
      { operation: 'read the scan request scan.request.docker=2Eio.library/app', error: { name: 'UnreadableEvent' } },
    ]);
  });

  it('goes on after the server was killed, also with the job that it had in work', async () => {
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const fetcher = await startFetcher(
      ['docker.io'],
      async ({ request: { repository } }) => {
        if (repository === 'library/long') await finished;
      },
      { ackWaitMs: 2_000 },
    );
    await request('long:1');
    await until(() => fetcher.begun.length === 1);
    await nats.kill('SIGKILL');
    await nats.restart();
    await until(() => nc.flush().then(() => true, () => false)); // prettier-ignore
    await request('after:1');
    await until(() => fetcher.begun.length > 1);
    finish();
    await allDone();
    expect(fetcher.begun).toEqual(['library/long#1', 'library/after#1']);
    expect(fetcher.errors).toEqual([]);
  });

  it('takes over the settings of a newer version, and works on a registry with the longest of names', async () => {
    const old = await startFetcher(['docker.io'], () => Promise.resolve(), { ackWaitMs: 5_000 });
    await request('app:1');
    await allDone();
    await drain(old);
    const host = `${'a.'.repeat(110)}example.com`;
    const fetcher = await startFetcher(['docker.io', host], () => Promise.resolve(), { ackWaitMs: 7_000 });
    await request('app:1', `${host}/team/app:1`);
    await allDone();
    expect(fetcher.errors).toEqual([]);
    const jsm = await jetstreamManager(nc);
    const { config } = await jsm.consumers.info(STREAMS.scans, 'fetcher-docker=2Eio');
    expect(config.ack_wait).toBe(nanos(7_000));
  });
});

/** A job that ends only when its fetcher drains. */
async function untilDrained({ signal }: ScanJob): Promise<void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw new RetryLater('the fetcher drains', 0);
}
