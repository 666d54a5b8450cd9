import {
  decodeHistory,
  decodeManifest,
  decodeScanLog,
  decodeTracking,
  EVENT_TYPES,
  SUBJECTS,
  UnreadableEvent,
  type HistoryEvent,
  type ManifestEvent,
  type ScanLogEvent,
  type TrackingEvent,
} from '@dtm/events';
import { CLOCK_TOLERANCE_MS, type StoredMessage } from '@dtm/jetstream';

/** The streams that are projected. */
export const PROJECTED_STREAMS = ['HISTORY', 'MANIFESTS', 'SCAN_LOG', 'TRACKING'] as const;
export type ProjectedStream = (typeof PROJECTED_STREAMS)[number];

/** A message with the event in it; null where it holds none that can be understood, and why. */
export interface Read<Event> {
  message: StoredMessage;
  event: Event | null;
  fault: string | null;
}

/** What one transaction projects: of each stream the messages that follow its checkpoint, in order. */
export interface Batch {
  HISTORY: Read<HistoryEvent>[];
  MANIFESTS: Read<ManifestEvent>[];
  TRACKING: Read<TrackingEvent>[];
  SCAN_LOG: Read<ScanLogEvent>[];
}

export function emptyBatch(): Batch {
  return { HISTORY: [], MANIFESTS: [], TRACKING: [], SCAN_LOG: [] };
}

/** Whether a message of HISTORY is imported history. */
export function isImported(subject: string): boolean {
  return subject.startsWith('imported.');
}

/** Reads a message of HISTORY. */
export function readHistory(message: StoredMessage): Read<HistoryEvent> {
  return reading(message, () => {
    const event = decodeHistory(message.data);
    const subject = isImported(message.subject) ? SUBJECTS.imported : SUBJECTS.history;
    checkSubject(message.subject, subject(event.data));
    return event;
  });
}

/** Reads a message of MANIFESTS. */
export function readManifest(message: StoredMessage): Read<ManifestEvent> {
  return reading(message, () => {
    const event = decodeManifest(message.data);
    checkSubject(message.subject, SUBJECTS.manifest(event.data.digest));
    return event;
  });
}

/** Reads a message of TRACKING. */
export function readTracking(message: StoredMessage): Read<TrackingEvent> {
  return reading(message, () => {
    const event = decodeTracking(message.data);
    checkSubject(message.subject, SUBJECTS.tracking(event.data));
    return event;
  });
}

/** Reads a message of SCAN_LOG. */
export function readScanLog(message: StoredMessage): Read<ScanLogEvent> {
  return reading(message, () => endedWhenTold(decodeScanLog(message.data), message.storedAt));
}

/** A scan had ended when it was told of. One that says otherwise went by a clock that was ahead, and would pass for the newest for long. */
function endedWhenTold(event: ScanLogEvent, storedAt: Date): ScanLogEvent {
  const { startedAt, finishedAt } = event.data;
  const aheadMs = Date.parse(finishedAt) - storedAt.getTime();
  if (aheadMs <= CLOCK_TOLERANCE_MS) return event;
  const time = storedAt.toISOString();
  const told = { startedAt: new Date(Date.parse(startedAt) - aheadMs).toISOString(), finishedAt: time };
  if (event.type === EVENT_TYPES.RepositoryScanned) return { ...event, time, data: { ...event.data, ...told } };
  return { ...event, time, data: { ...event.data, ...told } };
}

function reading<Event>(message: StoredMessage, read: () => Event): Read<Event> {
  try {
    return { message, event: read(), fault: null };
  } catch (error) {
    if (!(error instanceof UnreadableEvent)) throw error;
    return { message, event: null, fault: error.message };
  }
}

function checkSubject(found: string, expected: string): void {
  if (found !== expected) throw new UnreadableEvent(`an event of ${expected} under the subject ${found}`);
}
