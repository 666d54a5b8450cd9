import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findNatsServer } from '@dtm/embedded';
import { BUCKETS, ensureStreams, STREAMS } from '@dtm/jetstream';
import { startNats, type RunningNats } from '@dtm/testing';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { checksums, verifyBackup } from '../../infra/backup/checksums.mjs';
import { restoreStream } from '../../infra/backup/stream-restore.mjs';
import { snapshotStream, streamNames } from '../../infra/backup/stream-snapshot.mjs';

const EVENTS = 3_000;

let folder: string;
const servers: RunningNats[] = [];
const connections: NatsConnection[] = [];

async function emptyServer(): Promise<NatsConnection> {
  const binary = process.env['NATS_SERVER_BIN'] ?? findNatsServer();
  if (binary === undefined) throw new Error('These tests need nats-server on the PATH, or NATS_SERVER_BIN');
  const server = await startNats({ binary });
  servers.push(server);
  const nc = await connect({ servers: server.url });
  connections.push(nc);
  return nc;
}

/** Every message of a stream, as its readers see it. */
async function contentOf(nc: NatsConnection, stream: string): Promise<string[]> {
  const { state } = await (await jetstreamManager(nc)).streams.info(stream);
  const lines: string[] = [];
  if (state.messages === 0) return lines;
  const consumer = await jetstream(nc).consumers.get(stream, {});
  for await (const message of await consumer.consume({ max_messages: 1_000 })) {
    lines.push(`${message.seq} ${message.subject} ${message.headers?.get('Nats-Msg-Id') ?? ''} ${message.string()}`);
    if (lines.length === state.messages) break;
  }
  return lines;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dtm-backup-'));
});

afterAll(async () => {
  for (const nc of connections) await nc.close();
  for (const server of servers) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a backup of the streams', () => {
  const contents = new Map<string, string[]>();

  it('holds every stream and bucket', async () => {
    const nc = await emptyServer();
    await ensureStreams(nc);
    const js = jetstream(nc);
    const jsm = await jetstreamManager(nc);
    await jsm.consumers.add(STREAMS.history, { durable_name: 'subscriber', ack_policy: AckPolicy.Explicit });
    for (let i = 0; i < EVENTS; i++) await js.publish(`history.a.b.tag-${i % 100}`, `event ${i} ${'x'.repeat(400)}`);
    await js.publish('tracking.a.b.c', 'tracked', { msgID: 'tracked-1' });
    await js.publish('scan.done.a.b', 'done');
    await js.publish('$KV.VIEWS.a.b.c', '2026-11-22T12:00:00.000Z');
    const consumer = await js.consumers.get(STREAMS.history, 'subscriber');
    for await (const message of await consumer.fetch({ max_messages: 25 })) await message.ackAck();

    const names = await streamNames(nc);
    const buckets = Object.values(BUCKETS).map((bucket) => `KV_${bucket}`);
    expect(names).toEqual([...Object.values(STREAMS), ...buckets].sort());
    for (const name of names) {
      const { messages, lastSequence } = await snapshotStream(nc, name, folder);
      contents.set(name, await contentOf(nc, name));
      expect(messages).toBe(contents.get(name)?.length);
      expect(lastSequence).toBe(messages);
    }
    await writeFile(join(folder, 'SHA256SUMS'), await checksums(folder));
    await verifyBackup(folder);
  });

  it('restores on an empty server to the same bytes, under the same sequences, with the positions of subscribers', async () => {
    const nc = await emptyServer();
    for (const [name, content] of contents) {
      await restoreStream(nc, folder, name, undefined);
      expect(await contentOf(nc, name)).toEqual(content);
    }
    const jsm = await jetstreamManager(nc);
    const history = await jsm.streams.info(STREAMS.history);
    expect(history.config).toMatchObject({ deny_delete: true, deny_purge: true });
    const { ack_floor: floor } = await jsm.consumers.info(STREAMS.history, 'subscriber');
    expect(floor.stream_seq).toBe(25);
    await ensureStreams(nc);
  });

  it('is refused where a file was changed, is missing, or was added', async () => {
    const file = join(folder, 'TRACKING', 'backup.json');
    const before = await readFile(file);
    await appendFile(file, ' ');
    await expect(verifyBackup(folder)).rejects.toThrow('TRACKING/backup.json has another content');
    await rm(file);
    await expect(verifyBackup(folder)).rejects.toThrow('TRACKING/backup.json is missing');
    await writeFile(file, before);
    await verifyBackup(folder);
    await writeFile(join(folder, 'more'), '');
    await expect(verifyBackup(folder)).rejects.toThrow('more is not listed');
    await rm(join(folder, 'SHA256SUMS'));
    await expect(verifyBackup(folder)).rejects.toThrow('no finished backup');
  });
});
