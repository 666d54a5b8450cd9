import { describe, expect, it } from '@jest/globals';
import { DIGEST_MAX_LENGTH, parseDigest } from './digest.ts';

const HEX = '0123456789abcdef';

describe('parseDigest', () => {
  it.each([
    `sha256:${HEX.repeat(4)}`,
    `sha384:${HEX.repeat(6)}`,
    `sha512:${HEX.repeat(8)}`,
    'multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8',
    'sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564=',
    'constructor:abc',
    `blake3:${HEX.repeat(4)}`,
    `x:${'0'.repeat(DIGEST_MAX_LENGTH - 2)}`,
  ])('accepts %s', (text) => {
    expect(parseDigest(text)).toBe(text);
  });

  it.each([
    ['nothing', ''],
    ['no algorithm', `:${HEX}`],
    ['no content', 'sha256:'],
    ['only hex', HEX.repeat(4)],
    ['too short', `sha256:${HEX.repeat(3)}`],
    ['too long', `sha256:${HEX.repeat(4)}0`],
    ['the length of another algorithm', `sha512:${HEX.repeat(4)}`],
    ['capital hex', `sha256:${HEX.repeat(4).toUpperCase()}`],
    ['no hex', `sha256:${'z'.repeat(64)}`],
    ['a capital algorithm', `SHA256:${HEX.repeat(4)}`],
    ['a doubled separator', `sha256++x:${HEX}`],
    ['a line break behind it', `sha256:${HEX.repeat(4)}\n`],
    ['a blank before it', ` sha256:${HEX.repeat(4)}`],
    ['quotes, as in an ETag', `"sha256:${HEX.repeat(4)}"`],
    ['more than the bound', `x:${'0'.repeat(DIGEST_MAX_LENGTH - 1)}`],
  ])('refuses %s', (_what, text) => {
    expect(parseDigest(text)).toBeNull();
  });
});
