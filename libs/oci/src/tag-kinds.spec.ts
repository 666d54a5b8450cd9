import { describe, expect, it } from '@jest/globals';
import { isArtifactTag, isDigestLikeTag, isWantedTag } from './tag-kinds.ts';

const SHA256 = 'sha256-' + 'ab'.repeat(32);

describe('tag kinds', () => {
  it.each([
    SHA256,
    `${SHA256}.sig`,
    `${SHA256}.att`,
    `${SHA256}.sbom`,
    'sha512-' + 'ab'.repeat(64),
    'v1.0.sig',
    'v1.0.att',
  ])('%s holds an artifact', (tag) => {
    expect(isArtifactTag(tag)).toBe(true);
    expect(isWantedTag(tag)).toBe(false);
  });

  it.each(['0123456789abcdef0123456789abcdef01234567', 'main-0123456789abcdef0123456789abcdef', 'A'.repeat(32)])(
    '%s names one build',
    (tag) => {
      expect(isDigestLikeTag(tag)).toBe(true);
      expect(isWantedTag(tag)).toBe(false);
    },
  );

  it.each([
    'latest',
    '1.27.3-alpine',
    'sha256-short',
    'signature',
    '1.0.sigma',
    'a'.repeat(31),
    'main-4f2c1e9',
    '20261122-120000',
  ])('%s is wanted', (tag) => {
    expect(isArtifactTag(tag)).toBe(false);
    expect(isDigestLikeTag(tag)).toBe(false);
    expect(isWantedTag(tag)).toBe(true);
  });
});
