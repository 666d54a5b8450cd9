import type { EventSource } from '../reading/event-source.ts';
import { readThrough } from '../reading/read-through.ts';
import type { OnProgress } from './refused.ts';
import type { StreamCopy } from './stream-copy.ts';

const TOLD_EVERY = 1_000;

/** What the first event is, up to a sequence, that a stream and its copy do not have in common; null where there is none. */
export async function firstDifference(
  source: EventSource,
  copy: StreamCopy,
  through: number,
  onProgress: OnProgress,
): Promise<string | null> {
  const copies = copy.eventsAfter(0);
  let last = 0;
  try {
    for await (const { sequence, subject, data } of readThrough(source, copy.stream, 0, through)) {
      const next = await copies.next();
      if (next.done === true) return `its event ${sequence} (${subject}) is not in ${copy.table}`;
      const own = next.value;
      if (own.sequence !== sequence) return `it lacks event ${own.sequence} (${own.subject})`;
      if (own.subject !== subject) return `its event ${sequence} is one of ${subject}, and was one of ${own.subject}`;
      if (Buffer.compare(own.data, data) !== 0) return `its event ${sequence} (${subject}) has other bytes`;
      last = sequence;
      if (sequence % TOLD_EVERY === 0) onProgress(`${copy.stream} compared`, sequence, through);
    }
  } finally {
    await copies.return(undefined);
  }
  return last < through ? `it lacks event ${last + 1}` : null;
}
