import { decodeHistory, hashOf, SUBJECTS, tagEventId, UnreadableEvent, type HistoryEvent } from '@dtm/events';
import type { StoredMessage } from '@dtm/jetstream';
import { isImported } from '../projection/messages.ts';
import type { EventSource } from '../reading/event-source.ts';
import { readThrough } from '../reading/read-through.ts';
import type { StreamCopy } from './stream-copy.ts';
import type { OnProgress } from './refused.ts';

/** Something that is not as it was written. */
export interface Fault {
  /** Of the event that was altered or is missing. */
  sequence: number;
  /** A sentence that names it. */
  words: string;
}

export interface HistoryReport {
  /** Events that were read. */
  events: number;
  /** Subjects that they lie under. */
  chains: number;
  /** How many faults there are. */
  faults: number;
  /** The one with the lowest sequence; null where the history is as it was written. */
  first: Fault | null;
}

interface Head {
  sequence: number;
  hash: string;
  /** Hash of the copy, where it is another one. */
  copy?: string;
}

type Copies = ReadonlyMap<number, { hash: string; subject: string }>;

const BATCH = 1_000;
const HISTORY = 'HISTORY';

/**
 * Walks HISTORY and checks of each event that it follows the one before: in the stream, and on its subject by sequence
 * and hash. What no successor links yet is checked against the copy, where one is given, and that must hold every event up to
 * where the stream was projected. Keeps one hash and one sequence for each subject in memory, however long the history is.
 */
export class HistoryVerification {
  readonly #source: EventSource;
  readonly #copy: StreamCopy | null;
  readonly #heads = new Map<string, Head>();
  readonly #report: HistoryReport = { events: 0, chains: 0, faults: 0, first: null };
  #last = 0;
  /** Up to here the copy holds every event; 0 where there is none. */
  #projected = 0;

  constructor(source: EventSource, copy: StreamCopy | null) {
    this.#source = source;
    this.#copy = copy;
  }

  async run(onProgress: OnProgress): Promise<HistoryReport> {
    // Asked first: what is projected meanwhile is in the stream by then.
    this.#projected = (await this.#copy?.summary())?.checkpoint ?? 0;
    const { lastSequence } = await this.#source.state(HISTORY);
    let batch: StoredMessage[] = [];
    for await (const message of readThrough(this.#source, HISTORY, 0, lastSequence)) {
      batch.push(message);
      if (batch.length < BATCH) continue;
      await this.#checkAll(batch);
      batch = [];
      onProgress('verified', message.sequence, lastSequence);
    }
    await this.#checkAll(batch);
    for (const [subject, { sequence, copy }] of this.#heads) {
      if (copy === undefined) continue;
      const which = 'no later event tells which of them was altered';
      this.#note(
        sequence,
        `event ${sequence} (${subject}) is another one in digest_change than in the stream: ${which}`,
      );
    }
    this.#checkSequence(Math.max(lastSequence, this.#projected) + 1);
    onProgress('verified', lastSequence, lastSequence);
    return { ...this.#report, chains: this.#heads.size };
  }

  async #checkAll(batch: readonly StoredMessage[]): Promise<void> {
    const [first, last] = [batch[0], batch.at(-1)];
    if (first === undefined || last === undefined) return;
    const copies: Copies = (await this.#copy?.hashes(first.sequence, last.sequence)) ?? new Map();
    for (const message of batch) this.#check(message, copies);
  }

  /** Checks a message against what came before it. */
  #check(message: StoredMessage, copies: Copies): void {
    const { sequence, subject } = message;
    this.#report.events += 1;
    this.#checkSequence(sequence);
    this.#last = sequence;
    const head = this.#heads.get(subject);
    const hash = hashOf(message.data);
    const copy = copies.get(sequence);
    if (copy === undefined && sequence <= this.#projected) {
      const whole = 'the stream holds it, and "npm run rebuild" mends the copy';
      this.#note(sequence, `event ${sequence} (${subject}) is missing in digest_change: ${whole}`);
    }
    const same = copy === undefined || (copy.hash === hash && copy.subject === subject);
    this.#heads.set(subject, same ? { sequence, hash } : { sequence, hash, copy: copy.hash });
    const event = this.#read(message);
    if (event !== null) this.#checkLink(message, event, head);
  }

  /** Whether nothing is missing before a sequence. */
  #checkSequence(sequence: number): void {
    const missing = sequence - this.#last - 1;
    if (missing <= 0) return;
    const from = this.#last + 1;
    this.#note(from, missing === 1 ? `event ${from} is missing` : `events ${from} to ${sequence - 1} are missing`);
    this.#report.faults += missing - 1;
  }

  #read({ sequence, subject, data }: StoredMessage): HistoryEvent | null {
    try {
      return decodeHistory(data);
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      this.#note(sequence, `event ${sequence} (${subject}) was altered: it cannot be read`);
      return null;
    }
  }

  #checkLink({ sequence, subject }: StoredMessage, event: HistoryEvent, head: Head | undefined): void {
    const { previous } = event.data;
    const altered = (what: string): void => this.#note(sequence, `event ${sequence} (${subject}) was altered: ${what}`);
    const own = isImported(subject) ? SUBJECTS.imported(event.data) : SUBJECTS.history(event.data);
    const reference = `${event.data.registry}/${event.data.repository}:${event.data.tag}`;
    if (own !== subject) return altered(`it is about ${reference}`);
    if (event.subject !== reference) return altered(`it names ${event.subject} and is about ${reference}`);
    if (event.id !== tagEventId(event.subject, previous?.sequence ?? 0)) {
      return altered(`its id ${event.id} does not fit the event that it names as the one before`);
    }
    if (previous === null) {
      if (head === undefined) return;
      return altered(`it claims to be the first of its tag, and event ${head.sequence} lies before it`);
    }
    if (head === undefined || previous.sequence > head.sequence) {
      if (previous.sequence >= sequence) return altered(`it names ${previous.sequence} as the event before`);
      const where = `event ${previous.sequence} (${subject})`;
      return this.#note(previous.sequence, `${where} is missing: event ${sequence} names it as the one before`);
    }
    if (previous.sequence < head.sequence) {
      const words = `event ${head.sequence} (${subject}) does not belong there: event ${sequence} follows ${previous.sequence}`;
      return this.#note(head.sequence, words);
    }
    const before = `event ${head.sequence} (${subject})`;
    if (previous.hash !== head.hash) {
      const original = previous.hash === head.copy ? '; digest_change still holds the original' : '';
      this.#note(head.sequence, `${before} was altered: event ${sequence} carries another hash of it${original}`);
    } else if (head.copy !== undefined) {
      const whole = 'the stream holds what was written, and "npm run rebuild" mends the copy';
      this.#note(head.sequence, `${before} was altered in digest_change alone: ${whole}`);
    }
  }

  #note(sequence: number, words: string): void {
    this.#report.faults += 1;
    const { first } = this.#report;
    if (first === null || sequence < first.sequence) this.#report.first = { sequence, words };
  }
}

/** What came of a verification, as a sentence. */
export function verdict({ events, chains, faults, first }: HistoryReport, compared: boolean): string {
  if (first !== null) {
    const more = faults === 1 ? '' : ` It is the first of ${faults} faults.`;
    return `HISTORY is not as it was written: ${first.words}.${more}`;
  }
  const copy = compared ? ', and the copy in digest_change is the same' : '';
  return `HISTORY is as it was written: ${events} events in ${chains} chains, each linked to the one before${copy}.`;
}
