import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import {
  startNats,
  startPostgres,
  startRegistry,
  type RunningNats,
  type RunningPostgres,
  type RunningRegistry,
} from './index.ts';

describe('startNats', () => {
  let nats: RunningNats;
  beforeAll(async () => void (nats = await startNats()));
  afterAll(() => nats.stop());

  it('keeps port and store through a kill and a restart', async () => {
    const before = await connect({ servers: nats.url, reconnect: false });
    await (await jetstreamManager(before)).streams.add({ name: 'KEPT', subjects: ['kept.>'] });
    await jetstream(before).publish('kept.one', 'x');
    await nats.kill();
    await before.closed();
    await nats.restart();
    const after = await connect({ servers: nats.url });
    const stream = await (await jetstreamManager(after)).streams.info('KEPT');
    expect(stream.state.messages).toBe(1);
    expect(after.info?.version).toBe(nats.version);
    await after.close();
  });
});

describe('startPostgres', () => {
  let postgres: RunningPostgres;
  beforeAll(async () => void (postgres = await startPostgres()));
  afterAll(() => postgres.stop());

  it('makes databases of their own, in UTF-8 and UTC, and keeps them through a restart', async () => {
    const [one, other] = [await postgres.newDatabase(), await postgres.newDatabase()];
    expect(one).not.toBe(other);
    await query(one, 'create table kept (id int)');
    await postgres.restart();
    expect(await query(one, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }]);
    expect(await query(other, `select to_regclass('kept') as found`)).toEqual([{ found: null }]);
    const settings = `select current_setting('timezone') as zone, current_setting('server_encoding') as encoding`;
    expect(await query(one, settings)).toEqual([{ zone: 'UTC', encoding: 'UTF8' }]);
  });
});

describe('startRegistry', () => {
  let registry: RunningRegistry;
  beforeAll(async () => void (registry = await startRegistry()));
  afterAll(() => registry.stop());

  const served = async (repository: string, tag: string, mediaType: string) => {
    const url = `http://${registry.host}/v2/${repository}/manifests/${tag}`;
    const answer = await fetch(url, { method: 'HEAD', headers: { accept: mediaType } });
    return { status: answer.status, digest: answer.headers.get('docker-content-digest') };
  };

  it('serves a pushed image by the digest that pushImage answers, the same for the same seed', async () => {
    const first = await registry.pushImage('team/app', '1.0', { content: 'one' });
    expect(await served('team/app', '1.0', first.mediaType)).toEqual({ status: 200, digest: first.digest });
    const second = await registry.pushImage('team/app', '1.0', { content: 'two' });
    expect(second.digest).not.toBe(first.digest);
    expect(await registry.pushImage('team/app', '1.0', { content: 'one' })).toEqual(first);
  });

  it('serves an index and forgets a deleted manifest', async () => {
    const index = await registry.pushIndex('team/multi', 'latest');
    expect(index.mediaType).toContain('index');
    expect(await served('team/multi', 'latest', index.mediaType)).toEqual({ status: 200, digest: index.digest });
    await registry.deleteManifest('team/multi', index.digest);
    expect((await served('team/multi', 'latest', index.mediaType)).status).toBe(404);
  });

  it('takes images and indexes from skopeo with the digests of pushImage', async () => {
    expect(await registry.skopeoCopy('team/copied', '1', { content: 'one' })).toEqual(
      await registry.pushImage('team/app', '1', { content: 'one' }),
    );
    const platforms = ['linux/amd64', 'linux/arm64/v8'];
    const index = await registry.skopeoCopy('team/copied', '2', { content: 'one', platforms });
    expect(await served('team/copied', '2', index.mediaType)).toEqual({ status: 200, digest: index.digest });
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
