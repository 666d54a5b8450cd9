import { hash } from 'node:crypto';
import { z } from 'zod';
import { timestamp } from './fields.ts';
import { digestObservedData, tagDisappearedData, type DigestObserved, type TagDisappeared } from './history-events.ts';
import { manifestDescribedData, type ManifestDescribed } from './manifest-events.ts';
import {
  repositoryScanFailedData,
  repositoryScannedData,
  scanRequestData,
  type RepositoryScanFailed,
  type RepositoryScanned,
  type ScanRequest,
} from './scan-events.ts';
import { tagTrackedData, tagUntrackedData, type TagTracked, type TagUntracked } from './tracking-events.ts';
import { upcast, type Upcaster } from './upcasters.ts';

const UTF8_IN = new TextDecoder('utf-8', { fatal: true });

/** Content type of every message, sent as header `content-type`. */
export const CONTENT_TYPE = 'application/cloudevents+json';

/** Each event's current type and the schema of its data. */
export const EVENT_SCHEMAS = {
  'dockertagmonitor.DigestObserved.v1': digestObservedData,
  'dockertagmonitor.TagDisappeared.v1': tagDisappearedData,
  'dockertagmonitor.TagTracked.v1': tagTrackedData,
  'dockertagmonitor.TagUntracked.v1': tagUntrackedData,
  'dockertagmonitor.RepositoryScanned.v1': repositoryScannedData,
  'dockertagmonitor.RepositoryScanFailed.v1': repositoryScanFailedData,
  'dockertagmonitor.ScanRequest.v1': scanRequestData,
  'dockertagmonitor.ManifestDescribed.v1': manifestDescribedData,
} as const;

/** Current event types by their short names. */
export const EVENT_TYPES = {
  DigestObserved: 'dockertagmonitor.DigestObserved.v1',
  TagDisappeared: 'dockertagmonitor.TagDisappeared.v1',
  TagTracked: 'dockertagmonitor.TagTracked.v1',
  TagUntracked: 'dockertagmonitor.TagUntracked.v1',
  RepositoryScanned: 'dockertagmonitor.RepositoryScanned.v1',
  RepositoryScanFailed: 'dockertagmonitor.RepositoryScanFailed.v1',
  ScanRequest: 'dockertagmonitor.ScanRequest.v1',
  ManifestDescribed: 'dockertagmonitor.ManifestDescribed.v1',
} as const;

interface EventData {
  'dockertagmonitor.DigestObserved.v1': DigestObserved;
  'dockertagmonitor.TagDisappeared.v1': TagDisappeared;
  'dockertagmonitor.TagTracked.v1': TagTracked;
  'dockertagmonitor.TagUntracked.v1': TagUntracked;
  'dockertagmonitor.RepositoryScanned.v1': RepositoryScanned;
  'dockertagmonitor.RepositoryScanFailed.v1': RepositoryScanFailed;
  'dockertagmonitor.ScanRequest.v1': ScanRequest;
  'dockertagmonitor.ManifestDescribed.v1': ManifestDescribed;
}

export type EventType = keyof EventData;

/** A CloudEvent 1.0 with the data of one of our event types. */
export type EventOf<T extends EventType> = {
  [K in T]: {
    specversion: '1.0';
    /** Unique with `source`. */
    id: string;
    /** Who wrote it, e.g. `/docker-tag-monitor/registry-fetcher`. */
    source: string;
    type: K;
    /** The canonical reference, or the repository where the event is about one; of a manifest its digest. */
    subject: string;
    /** When what it tells was observed or done, RFC 3339 in UTC. */
    time: string;
    datacontenttype: 'application/json';
    data: EventData[K];
  };
}[T];

export type HistoryEvent = EventOf<'dockertagmonitor.DigestObserved.v1' | 'dockertagmonitor.TagDisappeared.v1'>;
export type TrackingEvent = EventOf<'dockertagmonitor.TagTracked.v1' | 'dockertagmonitor.TagUntracked.v1'>;
export type ScanLogEvent = EventOf<
  'dockertagmonitor.RepositoryScanned.v1' | 'dockertagmonitor.RepositoryScanFailed.v1'
>;
export type ManifestEvent = EventOf<'dockertagmonitor.ManifestDescribed.v1'>;
export type AnyEvent = EventOf<EventType>;

/** The CloudEvents attributes, as they come off the wire. */
export const envelopeSchema = z.object({
  specversion: z.literal('1.0').describe('Version of CloudEvents'),
  id: z.string().min(1).describe('Unique with source; on a tag: <reference>@<sequence of the event before, 0 if none>'),
  source: z.string().min(1).describe('Who wrote it, as /docker-tag-monitor/registry-fetcher'),
  type: z.string().min(1),
  subject: z
    .string()
    .min(1)
    .describe('The canonical reference, or the repository where the event is about one; of a manifest its digest'),
  time: timestamp.describe('When what it tells was observed or done: RFC 3339 in UTC, milliseconds'),
  datacontenttype: z.literal('application/json'),
  data: z.unknown(),
});

/** A message that is no event this version understands; `reason` says which attribute is off. */
export class UnreadableEvent extends Error {
  override readonly name = 'UnreadableEvent';
}

/** What `encode` needs; specversion and datacontenttype are always the same. */
export type NewEvent<T extends EventType> = { [K in T]: Omit<EventOf<K>, 'specversion' | 'datacontenttype'> }[T];

/**
 * The bytes that are stored, in a fixed order of members. Validated, since what is stored is permanent: throws where an
 * attribute or a field breaks its schema, or where `subject` is not what the data name.
 */
export function encode<T extends EventType>(event: NewEvent<T>): Uint8Array {
  const { id, source, type, subject, time } = event;
  const data = EVENT_SCHEMAS[type].safeParse(event.data);
  if (!data.success) throw new Error(`cannot encode ${type} of ${subject}: ${z.prettifyError(data.error)}`);
  const attributes = { specversion: '1.0', id, source, type, subject, time, datacontenttype: 'application/json' };
  const envelope = envelopeSchema.safeParse({ ...attributes, data: data.data });
  if (!envelope.success) throw new Error(`cannot encode ${type} of ${subject}: ${z.prettifyError(envelope.error)}`);
  if (subject !== subjectOf(data.data)) {
    throw new Error(`cannot encode ${type} of ${subject}: its data name ${subjectOf(data.data)}`);
  }
  return Buffer.from(JSON.stringify({ ...attributes, data: data.data }));
}

/** Reads stored bytes, lifting older versions to the current type; throws `UnreadableEvent`. Other upcasters are for tests. */
export function decode(bytes: Uint8Array, upcasters?: ReadonlyMap<string, Upcaster>): AnyEvent {
  const envelope = envelopeSchema.safeParse(parseJson(bytes));
  if (!envelope.success) throw new UnreadableEvent(`not a CloudEvent: ${z.prettifyError(envelope.error)}`);
  const { type, data } = upcast(envelope.data.type, envelope.data.data, upcasters);
  if (!isEventType(type)) throw new UnreadableEvent(`unknown event type ${envelope.data.type}`);
  const parsed = EVENT_SCHEMAS[type].safeParse(data);
  if (!parsed.success)
    throw new UnreadableEvent(`${type} of ${envelope.data.subject}: ${z.prettifyError(parsed.error)}`);
  return { ...envelope.data, type, data: parsed.data } as AnyEvent;
}

/** Reads an event of HISTORY; throws `UnreadableEvent` where it is another. */
export function decodeHistory(bytes: Uint8Array): HistoryEvent {
  const event = decode(bytes);
  if (event.type === EVENT_TYPES.DigestObserved || event.type === EVENT_TYPES.TagDisappeared) return event;
  throw new UnreadableEvent(`${event.type} is no event of a tag's history`);
}

/** Reads an event of TRACKING; throws `UnreadableEvent` where it is another. */
export function decodeTracking(bytes: Uint8Array): TrackingEvent {
  const event = decode(bytes);
  if (event.type === EVENT_TYPES.TagTracked || event.type === EVENT_TYPES.TagUntracked) return event;
  throw new UnreadableEvent(`${event.type} is no event of tracking`);
}

/** Reads an event of SCAN_LOG; throws `UnreadableEvent` where it is another. */
export function decodeScanLog(bytes: Uint8Array): ScanLogEvent {
  const event = decode(bytes);
  if (event.type === EVENT_TYPES.RepositoryScanned || event.type === EVENT_TYPES.RepositoryScanFailed) return event;
  throw new UnreadableEvent(`${event.type} is no event of a scan`);
}

/** Reads a scan request; throws `UnreadableEvent` where it is another. */
export function decodeScanRequest(bytes: Uint8Array): EventOf<'dockertagmonitor.ScanRequest.v1'> {
  const event = decode(bytes);
  if (event.type === EVENT_TYPES.ScanRequest) return event;
  throw new UnreadableEvent(`${event.type} is no scan request`);
}

/** Reads an event of MANIFESTS; throws `UnreadableEvent` where it is another. */
export function decodeManifest(bytes: Uint8Array): ManifestEvent {
  const event = decode(bytes);
  if (event.type === EVENT_TYPES.ManifestDescribed) return event;
  throw new UnreadableEvent(`${event.type} is no event of a manifest`);
}

/** SHA-256 of an event's stored bytes, lower-case hex: what the next event on its subject carries as `previous.hash`. */
export function hashOf(bytes: Uint8Array): string {
  return hash('sha256', bytes);
}

/** Id of an event on a tag's subject: unique, and lets a writer recognise its own event behind a lost acknowledgement. */
export function tagEventId(reference: string, previousSequence: number): string {
  return `${reference}@${previousSequence}`;
}

function subjectOf(data: EventData[EventType] & { tag?: string }): string {
  if ('describedAt' in data) return data.digest;
  const repository = `${data.registry}/${data.repository}`;
  return data.tag === undefined ? repository : `${repository}:${data.tag}`;
}

function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENT_SCHEMAS, type);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8_IN.decode(bytes));
  } catch {
    return undefined;
  }
}
