import { mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInbox } from '@nats-io/transport-node';
import { api } from './jetstream-api.mjs';

/** @typedef {import('@nats-io/transport-node').NatsConnection} NatsConnection */

const CHUNK_BYTES = 128 * 1024;
/** The server sends the next chunk within it, or the snapshot has failed. */
const SILENCE_MS = 30_000;

/** The names of all streams; buckets are streams too. */
export async function streamNames(/** @type {NatsConnection} */ nc) {
  const names = [];
  for (;;) {
    const page = await api(nc, 'STREAM.NAMES', { offset: names.length });
    names.push(...(page.streams ?? []));
    if (names.length >= page.total || !page.streams?.length) return names.sort();
  }
}

/**
 * Writes a stream as the server hands it out into a folder of its name, laid out as `nats stream backup` does it:
 * `stream.tar.s2`, and `backup.json` with its configuration and state. `nats stream restore <folder>` takes it.
 * @param {NatsConnection} nc
 * @param {string} stream
 * @param {string} folder
 * @param {string} [inboxPrefix] where the server may deliver to this user
 */
export async function snapshotStream(nc, stream, folder, inboxPrefix = '_INBOX') {
  const inbox = createInbox(inboxPrefix);
  const subscription = nc.subscribe(inbox);
  mkdirSync(join(folder, stream), { mode: 0o700 });
  const file = await open(join(folder, stream, 'stream.tar.s2'), 'w', 0o600);
  let bytes = 0;
  try {
    const { config, state } = await api(nc, `STREAM.SNAPSHOT.${stream}`, {
      deliver_subject: inbox,
      chunk_size: CHUNK_BYTES,
      // Durable consumers of subscribers come back with their positions.
      no_consumers: false,
    });
    writeFileSync(join(folder, stream, 'backup.json'), `${JSON.stringify({ config, state }, null, 2)}\n`, {
      mode: 0o600,
    });
    for await (const message of silenceEnds(subscription, stream)) {
      if (message.data.length === 0) {
        const { code = 0, description = '' } = message.headers ?? {};
        if (code >= 300) throw new Error(`the snapshot of ${stream} failed: ${code} ${description}`);
        break;
      }
      bytes += message.data.length;
      // Where there is no room, this fails where someone hears it; a stream would tell nobody in particular.
      await file.writeFile(message.data);
      message.respond();
    }
    return { stream, messages: state.messages, firstSequence: state.first_seq, lastSequence: state.last_seq, bytes };
  } finally {
    subscription.unsubscribe();
    await file.close();
  }
}

/** @param {import('@nats-io/transport-node').Subscription} subscription @param {string} stream */
async function* silenceEnds(subscription, stream) {
  const messages = subscription[Symbol.asyncIterator]();
  for (;;) {
    const silence = Promise.withResolvers();
    const timer = setTimeout(
      () => silence.reject(new Error(`the snapshot of ${stream} stopped: nothing came for ${SILENCE_MS / 1000} s`)),
      SILENCE_MS,
    );
    try {
      const { done, value } = await Promise.race([messages.next(), silence.promise]);
      if (done) return;
      yield value;
    } finally {
      clearTimeout(timer);
    }
  }
}
