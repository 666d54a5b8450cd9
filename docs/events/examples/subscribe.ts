// Reads changes of tags from Docker Tag Monitor, each once and in order, and keeps them in a file. Needs Node.js 22.18 or
// newer and the packages @nats-io/transport-node and @nats-io/jetstream 3; NATS_URL is nats://user:password@host:4222.
//   With a consumer that an operator made:  node subscribe.ts --consumer NAME --domain dtm --record FILE
//   With one of its own, where it may:      node subscribe.ts --consumer NAME --filter docker.io/library/nginx --record FILE
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, nanos, type NatsConnection } from '@nats-io/transport-node';

const STREAM = 'HISTORY';

/** A part of a subject: every byte but letters, digits, `_`, `-` (and a repository's slashes) is written `=XX`. */
function escaped(text: string): string {
  const hex = (byte: number): string => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  const one = (byte: number): string =>
    /[\w/-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : hex(byte);
  return Array.from(new TextEncoder().encode(text), one).join('');
}

/** The subjects of a registry, of a repository (registry/repository) or of one tag (registry/repository:tag); `*`: all. */
function subjectsOf(wanted: string): string {
  if (wanted === '*') return 'history.>';
  const [, registry = '', repository, tag] = /^([^/]+)(?:\/([^:]+)(?::([^:]+))?)?$/.exec(wanted) ?? [];
  if (registry === '') throw new Error(`"${wanted}" is no registry, registry/repository or registry/repository:tag`);
  if (repository === undefined) return `history.${escaped(registry)}.>`;
  return `history.${escaped(registry)}.${escaped(repository)}.${tag === undefined ? '*' : escaped(tag)}`;
}

/** What this subscriber has taken, one line for each event: sequence, subject and the event as it was stored. */
class Recording {
  /** Sequence of the newest event that is kept; what is not behind it was kept before. */
  lastSequence = 0;
  readonly #file: FileHandle;
  readonly #newest = new Map<string, { sequence: number; hash: string }>();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Goes on where it stopped. A line that was cut off is dropped: its event was never acknowledged and comes again. */
  static async open(path: string): Promise<Recording> {
    const file = await open(path, 'a+');
    const text = await file.readFile('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    await file.truncate(Buffer.byteLength(whole));
    const recording = new Recording(file);
    for (const line of whole.split('\n').slice(0, -1)) {
      const [sequence = '', subject = '', event = ''] = line.split('\t');
      recording.#follow(Number(sequence), subject, event);
    }
    return recording;
  }

  /** Resolves when the event is on disk: only then may it be acknowledged. */
  async keep(sequence: number, subject: string, event: string): Promise<void> {
    this.#follow(sequence, subject, event);
    await this.#file.appendFile(`${sequence}\t${subject}\t${event}\n`);
    await this.#file.datasync();
  }

  /**
   * Throws where an event does not follow the one that was read before it on its subject: `previous` names that one's
   * sequence and the SHA-256 of its bytes. What came before the first one that was read cannot be checked.
   */
  #follow(sequence: number, subject: string, event: string): void {
    const { previous } = (JSON.parse(event) as { data: { previous: { sequence: number; hash: string } | null } }).data;
    const before = this.#newest.get(subject);
    if (before !== undefined && (previous?.sequence !== before.sequence || previous.hash !== before.hash)) {
      throw new Error(`${subject}: event ${sequence} does not follow event ${before.sequence}`);
    }
    this.#newest.set(subject, { sequence, hash: createHash('sha256').update(event).digest('hex') });
    this.lastSequence = sequence;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A durable consumer of this subscriber's own; it keeps its position on the server. Making it again changes nothing. */
async function makeConsumer(nc: NatsConnection, name: string, filter: string): Promise<void> {
  const manager = await jetstreamManager(nc);
  await manager.consumers.add(STREAM, {
    durable_name: name,
    filter_subject: subjectsOf(filter),
    ack_policy: AckPolicy.Explicit,
    // One at a time: what is not acknowledged comes again before anything later, so that each tag's order holds.
    max_ack_pending: 1,
    ack_wait: nanos(5_000),
  });
}

const { values } = parseArgs({
  options: {
    consumer: { type: 'string', default: 'subscriber' },
    domain: { type: 'string' },
    filter: { type: 'string' },
    record: { type: 'string', default: 'changes.log' },
  },
});
const recording = await Recording.open(values.record);
const url = new URL(process.env['NATS_URL'] ?? 'nats://localhost:4222');
const nc = await connect({
  servers: `${url.protocol}//${url.host}`,
  name: values.consumer,
  maxReconnectAttempts: -1,
  ...(url.username === '' ? {} : { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }),
});
if (values.filter !== undefined) await makeConsumer(nc, values.consumer, values.filter);

const js = jetstream(nc, values.domain === undefined ? {} : { domain: values.domain });
const consumer = await js.consumers.get(STREAM, values.consumer);
const messages = await consumer.consume({ abort_on_missing_resource: true });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => messages.stop());
for await (const message of messages) {
  // A message whose acknowledgement was lost comes again: its sequence tells.
  if (message.seq > recording.lastSequence) {
    await recording.keep(message.seq, message.subject, message.string());
    console.log(message.string());
  }
  message.ack();
}
await nc.drain();
await recording.close();
