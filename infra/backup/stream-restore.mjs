import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerOf, api } from './jetstream-api.mjs';

/** @typedef {import('@nats-io/transport-node').NatsConnection} NatsConnection */
/** @typedef {{ messages: number, last_seq: number }} StreamState */

const CHUNK_BYTES = 128 * 1024;
/** A server that unpacks a large stream answers the last chunk late. */
const UNPACKING_MS = 10 * 60_000;

/** The streams of a backup. @param {string} folder */
export function streamsIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/**
 * What a server holds of a stream; null where it has none.
 * @param {NatsConnection} nc
 * @param {string} stream
 * @returns {Promise<StreamState | null>}
 */
export async function stateOf(nc, stream) {
  const message = await nc.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 10_000 });
  const { error, state } = message.json();
  if (error?.code === 404) return null;
  return error === undefined ? state : answerOf('STREAM.INFO', message);
}

/**
 * Restores a stream that the server does not have, as `nats stream restore` does it: its messages under their sequences,
 * its consumers with their positions. Throws where the server then holds anything else than was backed up.
 * @param {NatsConnection} nc
 * @param {string} folder of the backup
 * @param {string} stream
 * @param {number | undefined} replicas other than in the backup
 * @returns {Promise<StreamState>}
 */
export async function restoreStream(nc, folder, stream, replicas) {
  const { config, state } = JSON.parse(readFileSync(join(folder, stream, 'backup.json'), 'utf8'));
  const call = `STREAM.RESTORE.${stream}`;
  const wanted = replicas === undefined ? config : { ...config, num_replicas: replicas };
  const { deliver_subject: place } = await api(nc, call, { config: wanted, state });
  const data = createReadStream(join(folder, stream, 'stream.tar.s2'), { highWaterMark: CHUNK_BYTES });
  for await (const chunk of data) answerOf(call, await nc.request(place, chunk, { timeout: 30_000 }));
  answerOf(call, await nc.request(place, '', { timeout: UNPACKING_MS }));
  const restored = await stateOf(nc, stream);
  if (restored === null) throw new Error(`${stream} was restored and is not there`);
  // Of a stream that forgets by age, some messages may be due.
  const numbers = config.max_age > 0 ? ['last_seq'] : ['messages', 'last_seq'];
  for (const name of numbers) {
    const [found, expected] = [restored[/** @type {keyof StreamState} */ (name)], state[name]];
    if (found !== expected) throw new Error(`${stream} was restored with ${name} ${found}, backed up was ${expected}`);
  }
  return restored;
}
