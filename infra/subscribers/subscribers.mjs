// Makes the durable consumers on HISTORY that subscribers are to pull from, where they are missing; one that exists is left
// as it is, with its position. NATS_URL is the operator's. SUBSCRIBERS is a list in JSON:
//   [{"name": "acme-nginx", "filter": "history.docker=2Eio.library/nginx.>", "startSequence": 1}]
// The default is the one consumer that infra/nats.conf knows.
import { AckPolicy, DeliverPolicy, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { connectAsOperator } from '../image/nats-connection.mjs';
import { setting } from '../image/setting.mjs';

const STREAM = 'HISTORY';
const DEFAULT_FILTER = 'history.>';
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;
const WAIT_MS = 120_000;

/** @typedef {{ name: string, filter?: string, startSequence?: number }} Wanted */

/** @type {Wanted[]} */
const wanted = JSON.parse(setting('SUBSCRIBERS') ?? '[{"name":"subscriber"}]');
for (const { name, filter = DEFAULT_FILTER } of wanted) {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw new Error(`"${name}" is no name of a consumer: 1 to 64 letters, digits, - or _`);
  if (!/^(?:history|imported)\.\S+$/.test(filter)) throw new Error(`${name}: "${filter}" is no subject of ${STREAM}`);
}

const nc = await connectAsOperator('operator');
const jsm = await jetstreamManager(nc);
await streamExists();
for (const { name, filter = DEFAULT_FILTER, startSequence = 1 } of wanted) {
  const found = await jsm.consumers.info(STREAM, name).catch(unless(CONSUMER_NOT_FOUND));
  if (found !== null) {
    console.log(`${name} exists: ${found.config.filter_subject ?? 'everything'}, ${found.num_pending} waiting`);
    continue;
  }
  await jsm.consumers.add(STREAM, {
    durable_name: name,
    filter_subject: filter,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: startSequence,
    ack_policy: AckPolicy.Explicit,
    // One at a time: what is not acknowledged comes again before anything later, so that each tag's order holds.
    max_ack_pending: 1,
    max_deliver: -1,
  });
  console.log(`${name} made: ${filter} from sequence ${startSequence}`);
}
await nc.drain();

/** The services make the streams when they first start, which may be at the same time as this. */
async function streamExists() {
  const deadline = Date.now() + WAIT_MS;
  while ((await jsm.streams.info(STREAM).catch(unless(STREAM_NOT_FOUND))) === null) {
    if (Date.now() > deadline)
      throw new Error(`there is no stream ${STREAM} after ${WAIT_MS / 1000} s: do the services run?`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Null for one error of the server, thrown on for every other. */
function unless(/** @type {number} */ code) {
  return (/** @type {unknown} */ error) => {
    if (error instanceof JetStreamApiError && error.code === code) return null;
    throw error;
  };
}
