import type { Batch, ProjectedStream } from './messages.ts';

/** One message to project, and the stream that it lies in. */
export type Step = { [Stream in ProjectedStream]: { stream: Stream; read: Batch[Stream][number] } }[ProjectedStream];

/**
 * The messages of a batch in the order in which they are projected: a scan behind the tracking that it knew, and before what
 * came later, so that what it says does not depend on how batches are cut.
 */
export function* inOrder({ HISTORY, MANIFESTS, TRACKING, SCAN_LOG }: Batch): Generator<Step, void> {
  for (const read of HISTORY) yield { stream: 'HISTORY', read };
  let done = 0;
  for (const read of SCAN_LOG) {
    const known = read.event?.data.trackingSequence ?? 0;
    for (let next = TRACKING[done]; next !== undefined && next.message.sequence <= known; next = TRACKING[++done]) {
      yield { stream: 'TRACKING', read: next };
    }
    yield { stream: 'SCAN_LOG', read };
  }
  for (const read of TRACKING.slice(done)) yield { stream: 'TRACKING', read };
  for (const read of MANIFESTS) yield { stream: 'MANIFESTS', read };
}
