import { describe, expect, it } from '@jest/globals';
import { Reference, RepositoryName } from '@dtm/oci';
import fc from 'fast-check';
import {
  escapePart,
  parseRepositoryKey,
  parseTagKey,
  repositoryKey,
  SUBJECTS,
  tagKey,
  tagOfSubject,
  unescapePart,
} from './subject.ts';

/** What NATS takes as a key of a KV bucket; stricter than what it takes as a subject. */
const LEGAL_KEY = /^[-/_=.a-zA-Z0-9]+$/;

const text = fc
  .oneof(
    fc.string({ minLength: 1 }),
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.string({ unit: 'grapheme', minLength: 1 }),
  )
  .filter((generated) => generated.isWellFormed());

const reference = fc
  .tuple(
    fc.constantFrom('docker.io', 'quay.io', 'localhost:5000', '127.0.0.1:5000', '[::1]:5000', 'xn--bcher-kva.example'),
    fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,4})?\/[a-z0-9]{1,8}(?:__[a-z0-9]{1,4})?$/),
    fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/),
  )
  .map(([registry, repository, tag]) => Reference.of(registry, repository, tag));

describe('escaping', () => {
  it('is reversed by unescapePart, for any text', () => {
    fc.assert(
      fc.property(text, fc.boolean(), (part, keepSlash) => {
        expect(unescapePart(escapePart(part, keepSlash))).toBe(part);
      }),
      { numRuns: 3000 },
    );
  });

  it('is reversed for every byte there is', () => {
    for (let code = 0; code < 256; code++) {
      const part = String.fromCharCode(code);
      expect(unescapePart(escapePart(part))).toBe(part);
      expect(unescapePart(escapePart(part, true))).toBe(part);
    }
  });

  it('gives one token that is legal in subjects and in keys', () => {
    fc.assert(
      fc.property(text, (part) => {
        expect(escapePart(part)).toMatch(/^[-_=a-zA-Z0-9]+$/);
        expect(escapePart(part, true)).toMatch(/^[-/_=a-zA-Z0-9]+$/);
      }),
    );
  });

  it('keeps distinct texts distinct', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(escapePart(a) === escapePart(b)).toBe(a === b);
        expect(escapePart(a, true) === escapePart(b, true)).toBe(a === b);
      }),
    );
  });

  it.each([
    ['docker.io', 'docker=2Eio'],
    ['127.0.0.1:5000', '127=2E0=2E0=2E1=3A5000'],
    ['[::1]:5000', '=5B=3A=3A1=5D=3A5000'],
    ['a/b', 'a=2Fb'],
    ['a=b', 'a=3Db'],
    ['*', '=2A'],
    ['>', '=3E'],
    ['a b', 'a=20b'],
    ['\ufeffa', '=EF=BB=BFa'],
    ['é', '=C3=A9'],
    ['__proto__', '__proto__'],
  ])('%s is written %s', (plain, escaped) => {
    expect(escapePart(plain)).toBe(escaped);
    expect(unescapePart(escaped)).toBe(plain);
  });

  it.each(['', '\ud800', 'a\udc00'])('refuses %j, which no token can hold', (part) => {
    expect(() => escapePart(part)).toThrow('not a subject part');
  });

  it.each(['', '=', '=4', '=2e', '=41', '=2', 'a.b', 'a b', 'a*', 'é', '=FF', '=2F/', 'a\n', '=C0=AF'])(
    'does not read %j, which escaping never writes',
    (escaped) => {
      expect(() => unescapePart(escaped)).toThrow();
    },
  );
});

describe('keys', () => {
  it('are read back as the reference or repository that they were made of', () => {
    fc.assert(
      fc.property(reference, (tag) => {
        expect(parseTagKey(tagKey(tag))).toEqual(tag);
        expect(parseRepositoryKey(repositoryKey(tag.name))).toEqual(tag.name);
        expect(tagKey(tag)).toMatch(LEGAL_KEY);
        expect(tagKey(tag).split('.')).toHaveLength(3);
      }),
    );
  });

  it.each([
    'docker=2Eio.library/nginx',
    'docker=2Eio.library/nginx.1.27',
    'docker=2Eio.nginx.1',
    'docker=2Eio.library=2Fnginx.1',
    'a..b',
    '',
  ])('%j is no tag key', (key) => {
    expect(() => parseTagKey(key)).toThrow();
  });

  it.each(['docker=2Eio', 'docker=2Eio.library/nginx.1', 'docker=2Eio.nginx', 'docker=2Eio.library=2Fnginx', '.', ''])(
    '%j is no repository key',
    (key) => {
      expect(() => parseRepositoryKey(key)).toThrow();
    },
  );
});

describe('SUBJECTS', () => {
  const tag = Reference.of('docker.io', 'library/nginx', '1.27');
  const local = RepositoryName.of('127.0.0.1:5000', 'team/app');

  it('are those of the public contract', () => {
    expect(SUBJECTS.history(tag)).toBe('history.docker=2Eio.library/nginx.1=2E27');
    expect(SUBJECTS.imported(tag)).toBe('imported.docker=2Eio.library/nginx.1=2E27');
    expect(SUBJECTS.tracking(tag)).toBe('tracking.docker=2Eio.library/nginx.1=2E27');
    expect(SUBJECTS.scanRequest(local)).toBe('scan.request.127=2E0=2E0=2E1=3A5000.team/app');
    expect(SUBJECTS.scanDone(local)).toBe('scan.done.127=2E0=2E0=2E1=3A5000.team/app');
    expect(SUBJECTS.scanFailed(local)).toBe('scan.failed.127=2E0=2E0=2E1=3A5000.team/app');
    expect(SUBJECTS.historyOfRepository(local)).toBe('history.127=2E0=2E0=2E1=3A5000.team/app.*');
    expect(SUBJECTS.scanRequestsOfRegistry('docker.io')).toBe('scan.request.docker=2Eio.*');
  });

  it('name their tag', () => {
    for (const subject of [SUBJECTS.history(tag), SUBJECTS.imported(tag), SUBJECTS.tracking(tag)]) {
      expect(tagOfSubject(subject)).toEqual(tag);
    }
  });
});
