import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isIndex, MANIFEST_ACCEPT, MANIFEST_ACCEPT_VERSION, MEDIA_TYPES, parseMediaType } from './media-type.ts';

describe('parseMediaType', () => {
  it.each([
    ['application/vnd.oci.image.index.v1+json', 'application/vnd.oci.image.index.v1+json'],
    ['application/vnd.oci.image.manifest.v1+json; charset=utf-8', 'application/vnd.oci.image.manifest.v1+json'],
    ['  Application/JSON ;x=y', 'application/json'],
    [`${'a'.repeat(127)}/${'b'.repeat(127)}`, `${'a'.repeat(127)}/${'b'.repeat(127)}`],
  ])('%s is %s', (contentType, bare) => {
    expect(parseMediaType(contentType)).toBe(bare);
  });

  it.each([
    '',
    ';',
    'json',
    '/json',
    'text/',
    'a/b/c',
    'text/html, text/plain',
    'té/xt',
    'text/ht ml',
    `a/${'b'.repeat(128)}`,
  ])('refuses %j', (contentType) => {
    expect(parseMediaType(contentType)).toBeNull();
  });

  it('reads its own answer as the same type, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bare = parseMediaType(text);
        if (bare !== null) expect(parseMediaType(bare)).toBe(bare);
      }),
    );
  });
});

describe('the Accept list', () => {
  it('is the permanent one of version 1: another list needs another version', () => {
    expect([MANIFEST_ACCEPT_VERSION, MANIFEST_ACCEPT]).toEqual([
      1,
      'application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, ' +
        'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, ' +
        'application/vnd.docker.distribution.manifest.v1+prettyjws, application/vnd.docker.distribution.manifest.v1+json',
    ]);
  });

  it('knows which types list further manifests', () => {
    expect(Object.values(MEDIA_TYPES).filter(isIndex)).toEqual([MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerManifestList]);
  });
});
