import { describe, expect, it } from '@jest/globals';
import { decodeManifest, encode, UnreadableEvent } from './envelope.ts';
import { PLATFORMS_MAX } from './manifest-events.ts';
import { SAMPLE_EVENTS, sampleDigest } from './sample-events.ts';
import { escapePart, SUBJECTS, unescapePart } from './subject.ts';

const DESCRIBED = SAMPLE_EVENTS['dockertagmonitor.ManifestDescribed.v1'];
const [platform] = DESCRIBED.data.platforms;
if (platform === undefined) throw new Error('the sample names no platform');

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const encoded = (data: object, envelope: object = {}): string =>
  text(encode({ ...DESCRIBED, ...envelope, data: { ...DESCRIBED.data, ...data } }));

describe('the stored bytes of a ManifestDescribed', () => {
  it('are permanent, the order of its members included', () => {
    expect(text(encode(DESCRIBED))).toBe(
      `{"specversion":"1.0","id":"${sampleDigest('b')}","source":"/docker-tag-monitor/registry-fetcher",` +
        `"type":"dockertagmonitor.ManifestDescribed.v1","subject":"${sampleDigest('b')}",` +
        '"time":"2026-11-22T12:00:02.000Z","datacontenttype":"application/json","data":{"registry":"docker.io",' +
        `"repository":"library/nginx","digest":"${sampleDigest('b')}",` +
        '"mediaType":"application/vnd.oci.image.index.v1+json","size":72000000,"platforms":[' +
        `{"os":"linux","architecture":"amd64","digest":"${sampleDigest('c')}","size":72000000},` +
        `{"os":"linux","architecture":"arm","variant":"v7","digest":"${sampleDigest('d')}"}],` +
        '"createdAt":"2026-11-22T11:30:00.000Z","describedAt":"2026-11-22T12:00:02.000Z","source":"manifest"}}',
    );
  });

  it('say null where nothing is known, and never leave it out', () => {
    const nothing = { mediaType: '', size: null, platforms: [], createdAt: null };
    expect(encoded(nothing)).toContain('"mediaType":"","size":null,"platforms":[],"createdAt":null');
  });

  it('take a build date of 1971, the first that is one', () => {
    expect(encoded({ createdAt: '1971-01-01T00:00:00.000Z' })).toContain('"createdAt":"1971-');
  });

  it.each<[string, object, object, string]>([
    ['a build date of 1970', { createdAt: '1970-12-31T23:59:59.999Z' }, {}, 'no dates'],
    ['a build date of the year 1', { createdAt: '0001-01-01T00:00:00.000Z' }, {}, 'no dates'],
    ['a size below zero', { size: -1 }, {}, 'size'],
    ['a platform without an operating system', { platforms: [{ ...platform, os: '' }] }, {}, 'platforms'],
    ['a platform with a slash in its name', { platforms: [{ ...platform, architecture: 'a/b' }] }, {}, 'platforms'],
    ['more platforms than fit', { platforms: Array(PLATFORMS_MAX + 1).fill(platform) }, {}, 'platforms'],
    ['a source that nobody knows', { source: 'mirror' }, {}, 'source'],
    ['a subject that is another digest', {}, { subject: sampleDigest('c') }, 'its data name'],
    ['a subject that is the repository', {}, { subject: 'docker.io/library/nginx' }, 'its data name'],
  ])('are not made with %s', (_what, data, envelope, field) => {
    expect(() => encoded(data, envelope)).toThrow(field);
  });
});

it('decodeManifest reads what is about manifests, and nothing else', () => {
  expect(decodeManifest(encode(DESCRIBED)).data).toEqual(DESCRIBED.data);
  const observed = encode(SAMPLE_EVENTS['dockertagmonitor.DigestObserved.v1']);
  expect(() => decodeManifest(observed)).toThrow(UnreadableEvent);
});

it('the subject of a manifest is its digest, whatever algorithm made it', () => {
  expect(SUBJECTS.manifest(sampleDigest('b'))).toBe(`manifest.sha256=3A${'b'.repeat(64)}`);
  const odd = 'sha256+b64u.x_y-z:abc=';
  expect(SUBJECTS.manifest(odd)).toBe('manifest.sha256=2Bb64u=2Ex_y-z=3Aabc=3D');
  expect(unescapePart(escapePart(odd))).toBe(odd);
  expect(SUBJECTS.historyOfRegistry('docker.io')).toBe('history.docker=2Eio.>');
});
