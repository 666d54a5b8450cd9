import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  decode,
  decodeHistory,
  decodeScanLog,
  decodeScanRequest,
  decodeTracking,
  encode,
  EVENT_SCHEMAS,
  EVENT_TYPES,
  hashOf,
  tagEventId,
  UnreadableEvent,
  type EventType,
} from './envelope.ts';
import { SAMPLE_EVENTS, sampleDigest } from './sample-events.ts';
import type { Upcaster } from './upcasters.ts';

const TYPES = Object.keys(EVENT_SCHEMAS) as EventType[];
const OBSERVED = SAMPLE_EVENTS['dockertagmonitor.DigestObserved.v1'];
const DISAPPEARED = SAMPLE_EVENTS['dockertagmonitor.TagDisappeared.v1'];
const TRACKED = SAMPLE_EVENTS['dockertagmonitor.TagTracked.v1'];

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The stored form of an event with some members replaced: of its envelope, and of its data. */
function stored(type: EventType, envelope: object = {}, data: object = {}): Uint8Array {
  const event = JSON.parse(text(encode(SAMPLE_EVENTS[type]))) as { data: object };
  return bytes({ ...event, ...envelope, data: { ...event.data, ...data } });
}

function unreadable(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UnreadableEvent);
    return (error as UnreadableEvent).message;
  }
  throw new Error('it was read');
}

describe('the stored bytes', () => {
  it('of a DigestObserved are permanent, the order of its members included', () => {
    expect(text(encode(OBSERVED))).toBe(
      '{"specversion":"1.0","id":"docker.io/library/nginx:1.27@41","source":"/docker-tag-monitor/registry-fetcher",' +
        '"type":"dockertagmonitor.DigestObserved.v1","subject":"docker.io/library/nginx:1.27",' +
        '"time":"2026-11-22T12:00:00.250Z","datacontenttype":"application/json","data":{"registry":"docker.io",' +
        `"repository":"library/nginx","tag":"1.27","digest":"${sampleDigest('b')}",` +
        '"mediaType":"application/vnd.oci.image.index.v1+json","observedAt":"2026-11-22T12:00:00.250Z","source":"head",' +
        `"previous":{"digest":"${sampleDigest('a')}","lastSeenAt":"2026-11-22T10:00:00.000Z","sequence":41,` +
        `"hash":"${'c'.repeat(64)}"},"reappeared":true,"pushedAt":"2026-11-22T11:58:00.000Z"}}`,
    );
  });

  it('of a baseline leave out what is not known, but never previous', () => {
    const { registry, repository, tag, digest, mediaType, observedAt, source } = OBSERVED.data;
    const data = { registry, repository, tag, digest, mediaType, observedAt, source, previous: null };
    expect(text(encode({ ...OBSERVED, data }))).toContain(`"data":${JSON.stringify(data)}}`);
  });

  it('of a TagDisappeared are permanent', () => {
    expect(text(encode(DISAPPEARED))).toBe(
      '{"specversion":"1.0","id":"docker.io/library/nginx:1.27@42","source":"/docker-tag-monitor/registry-fetcher",' +
        '"type":"dockertagmonitor.TagDisappeared.v1","subject":"docker.io/library/nginx:1.27",' +
        '"time":"2026-11-22T16:00:00.000Z","datacontenttype":"application/json","data":{"registry":"docker.io",' +
        '"repository":"library/nginx","tag":"1.27","observedAt":"2026-11-22T16:00:00.000Z",' +
        `"previous":{"digest":"${sampleDigest('b')}","lastSeenAt":"2026-11-22T12:00:00.000Z","sequence":42,` +
        `"hash":"${'d'.repeat(64)}"}}}`,
    );
  });

  it.each(TYPES)('of a %s do not depend on the order in which its members were given', (type) => {
    const event = SAMPLE_EVENTS[type];
    const turned = Object.fromEntries(Object.entries(event).reverse()) as unknown as typeof event;
    const data = Object.fromEntries(Object.entries(event.data).reverse()) as unknown as typeof event.data;
    expect(text(encode({ ...turned, data } as typeof event))).toBe(text(encode(event)));
  });
});

describe('encode', () => {
  it.each(TYPES)('gives %s such that decode gives it back', (type) => {
    const event = SAMPLE_EVENTS[type];
    expect(decode(encode(event))).toEqual({ specversion: '1.0', datacontenttype: 'application/json', ...event });
  });

  it.each<[string, () => unknown, string]>([
    ['a digest that is none', () => encode({ ...OBSERVED, data: { ...OBSERVED.data, digest: 'sha256:zz' } }), 'digest'],
    [
      'a time without milliseconds',
      () => encode({ ...OBSERVED, data: { ...OBSERVED.data, observedAt: '2026-11-22T12:00:00Z' } }),
      'observedAt',
    ],
    ['a time that is not UTC', () => encode({ ...OBSERVED, time: '2026-11-22T12:00:00.000+01:00' }), 'time'],
    ['a tag that is none', () => encode({ ...OBSERVED, data: { ...OBSERVED.data, tag: '-1' } }), 'tag'],
    [
      'an alias of Docker Hub',
      () => encode({ ...OBSERVED, data: { ...OBSERVED.data, registry: 'index.docker.io' } }),
      'registry',
    ],
    [
      'a path that climbs',
      () => encode({ ...OBSERVED, data: { ...OBSERVED.data, repository: 'a/../b' } }),
      'repository',
    ],
    [
      'an official image without library/',
      () => encode({ ...OBSERVED, data: { ...OBSERVED.data, repository: 'nginx' } }),
      'canonical',
    ],
    [
      'a registry that parse would not take as one',
      () => encode({ ...OBSERVED, data: { ...OBSERVED.data, registry: 'foo' } }),
      'canonical',
    ],
    [
      'a subject that its data contradict',
      () => encode({ ...OBSERVED, subject: 'docker.io/library/nginx:1.28' }),
      'its data name docker.io/library/nginx:1.27',
    ],
    ['an empty id', () => encode({ ...OBSERVED, id: '' }), 'id'],
    [
      'a sequence that no message has',
      () =>
        encode({
          ...DISAPPEARED,
          data: { ...DISAPPEARED.data, previous: { ...DISAPPEARED.data.previous, sequence: 0 } },
        }),
      'sequence',
    ],
    [
      'a hash in capitals',
      () =>
        encode({
          ...DISAPPEARED,
          data: { ...DISAPPEARED.data, previous: { ...DISAPPEARED.data.previous, hash: 'C'.repeat(64) } },
        }),
      'hash',
    ],
  ])('refuses %s, naming the event and the field', (_what, attempt, field) => {
    expect(attempt).toThrow(/^cannot encode dockertagmonitor\.\w+\.v1 of docker\.io/);
    expect(attempt).toThrow(field);
  });
});

describe('decode', () => {
  it('reads scans that were logged before tags that appeared were told', () => {
    const type = 'dockertagmonitor.RepositoryScanned.v1';
    expect(decodeScanLog(stored(type)).data).toMatchObject({ appeared: ['1.28'] });
    const { appeared, ...before } = SAMPLE_EVENTS[type].data;
    expect(appeared).toBeDefined();
    expect(decodeScanLog(stored(type, {}, { appeared: undefined })).data).toEqual(before);
  });

  it('lifts what an older version stored to what this one reads, and leaves the bytes to their hash', () => {
    const old = stored(
      OBSERVED.type,
      { type: 'dockertagmonitor.DigestObserved.v0' },
      { source: undefined, by: 'head' },
    );
    const upcasters: ReadonlyMap<string, Upcaster> = new Map([
      [
        'dockertagmonitor.DigestObserved.v0',
        (data) => {
          const { by, ...rest } = data as { by: string };
          return { type: OBSERVED.type, data: { ...rest, source: by } };
        },
      ],
    ]);
    expect(unreadable(() => decode(old))).toBe('unknown event type dockertagmonitor.DigestObserved.v0');
    expect(decode(old, upcasters)).toEqual(decode(encode(OBSERVED)));
    expect(hashOf(old)).not.toBe(hashOf(encode(OBSERVED)));
    // What comes out is checked as everything else is.
    const wrong = new Map([[OBSERVED.type.replace('v1', 'v0'), () => ({ type: OBSERVED.type, data: {} })]]);
    expect(unreadable(() => decode(old, wrong))).toContain(`${OBSERVED.type} of docker.io/library/nginx:1.27`);
  });

  it('ignores members that it does not know, in the attributes and in the data', () => {
    const newer = stored(
      'dockertagmonitor.DigestObserved.v1',
      { traceparent: '00-1-2-3' },
      { platforms: ['linux/amd64'] },
    );
    expect(decode(newer)).toEqual(decode(encode(OBSERVED)));
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'not a CloudEvent'],
    ['no JSON', new TextEncoder().encode('{"specversion":'), 'not a CloudEvent'],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'not a CloudEvent'],
    ['a number', bytes(1), 'not a CloudEvent'],
    ['null', bytes(null), 'not a CloudEvent'],
    ['a list', bytes([]), 'not a CloudEvent'],
    ['another version of CloudEvents', stored('dockertagmonitor.TagTracked.v1', { specversion: '0.3' }), 'specversion'],
    [
      'another encoding of data',
      stored('dockertagmonitor.TagTracked.v1', { datacontenttype: 'text/xml' }),
      'datacontenttype',
    ],
    ['no id', stored('dockertagmonitor.TagTracked.v1', { id: undefined }), 'id'],
    [
      'a later version of an event',
      stored('dockertagmonitor.TagTracked.v1', { type: 'dockertagmonitor.TagTracked.v2' }),
      'unknown event type dockertagmonitor.TagTracked.v2',
    ],
    [
      'an event of someone else',
      stored('dockertagmonitor.TagTracked.v1', { type: 'com.github.push' }),
      'unknown event type com.github.push',
    ],
    [
      'a type that every object has',
      stored('dockertagmonitor.TagTracked.v1', { type: 'constructor' }),
      'unknown event type constructor',
    ],
    [
      'a type that is a prototype',
      stored('dockertagmonitor.TagTracked.v1', { type: '__proto__' }),
      'unknown event type __proto__',
    ],
    [
      'data that break the schema',
      stored('dockertagmonitor.TagTracked.v1', {}, { by: 'nobody' }),
      'dockertagmonitor.TagTracked.v1 of docker.io/library/nginx:1.27',
    ],
    [
      'data that are not canonical',
      stored('dockertagmonitor.TagTracked.v1', {}, { repository: 'nginx' }),
      'no canonical reference',
    ],
    ['a tag without previous', stored('dockertagmonitor.DigestObserved.v1', {}, { previous: undefined }), 'previous'],
  ])('does not read %s, and says why', (_what, message, reason) => {
    expect(unreadable(() => decode(message))).toContain(reason);
  });
});

describe('the readers of one stream', () => {
  const readers = { decodeHistory, decodeTracking, decodeScanLog, decodeScanRequest };
  const readable: Record<keyof typeof readers, EventType[]> = {
    decodeHistory: [EVENT_TYPES.DigestObserved, EVENT_TYPES.TagDisappeared],
    decodeTracking: [EVENT_TYPES.TagTracked, EVENT_TYPES.TagUntracked],
    decodeScanLog: [EVENT_TYPES.RepositoryScanned, EVENT_TYPES.RepositoryScanFailed],
    decodeScanRequest: [EVENT_TYPES.ScanRequest],
  };

  it.each(Object.keys(readers) as (keyof typeof readers)[])('%s reads its own events only', (name) => {
    for (const type of TYPES) {
      const message = encode(SAMPLE_EVENTS[type]);
      if (readable[name].includes(type)) expect(readers[name](message).type).toBe(type);
      else expect(unreadable(() => readers[name](message))).toContain(type);
    }
  });
});

describe('hashOf', () => {
  it('is the SHA-256 of exactly these bytes', () => {
    expect(hashOf(new Uint8Array())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hashOf(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    const message = encode(TRACKED);
    expect(hashOf(message)).toBe(createHash('sha256').update(Buffer.from(message)).digest('hex'));
    expect(hashOf(new TextEncoder().encode(`${text(message)}\n`))).not.toBe(hashOf(message));
  });
});

describe('tagEventId', () => {
  it('is the reference and the sequence of the event before', () => {
    expect(tagEventId('docker.io/library/nginx:1.27', 0)).toBe('docker.io/library/nginx:1.27@0');
    expect(tagEventId('127.0.0.1:5000/team/app:1.0', 42)).toBe('127.0.0.1:5000/team/app:1.0@42');
  });
});
