import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isInvalid, Reference, REPOSITORY_MAX_LENGTH, RepositoryName } from './reference.ts';
import { parseRegistryHost, printable } from './registry-host.ts';

const alphanumeric = fc.stringMatching(/^[a-z0-9]{1,6}$/);
const component = fc
  .tuple(
    alphanumeric,
    fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '--', '---'), alphanumeric), { maxLength: 3 }),
  )
  .map(([first, rest]) => first + rest.map((pair) => pair.join('')).join(''));
const path = fc
  .array(component, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter((text) => text.length <= REPOSITORY_MAX_LENGTH - 'library/'.length);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.constant('localhost'),
);
const registry = fc
  .tuple(host, fc.option(fc.integer({ min: 1, max: 65535 }), { nil: null }))
  .map(([name, port]) => (port === null ? name : `${name}:${port}`));

/** Text close to a reference: its alphabet, its separators, and what must never pass. */
const nearly = fc.string({
  unit: fc.constantFrom(
    ...'ab09AZ._-/:@[]% \n\u0000\u202e\u00e9\u212a'.split(''),
    '::',
    '//',
    'docker.io/',
    'localhost',
  ),
  maxLength: 24,
});
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  nearly,
);

describe('Reference.parse', () => {
  it('reads every reference of a registry that the grammar allows', () => {
    fc.assert(
      fc.property(registry, path, tag, (where, what, which) => {
        const parsed = Reference.parse(`${where}/${what}:${which}`);
        expect(parsed).toBeInstanceOf(Reference);
        expect(parsed).toMatchObject({ tag: which });
      }),
    );
  });

  it('gives back what its own text is parsed from', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          registry.map((where) => `${where}/`),
          fc.constant(''),
        ),
        path,
        tag,
        (where, what, which) => {
          // Without a registry before it, a first part with a dot would be read as one.
          fc.pre(where !== '' || !/^[^/]*\./.test(what));
          const reference = Reference.parse(`${where}${what}:${which}`);
          if (isInvalid(reference)) throw new Error(`${reference.text}: ${reference.reason}`);
          expect(Reference.parse(reference.toString())).toEqual(reference);
          expect(Reference.of(reference.registry, reference.repository, reference.tag)).toEqual(reference);
          expect(RepositoryName.parse(reference.name.toString())).toEqual(reference.name);
        },
      ),
    );
  });

  it('never throws, whatever the text; what it accepts is canonical and plain ASCII', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = Reference.parse(text);
        if (isInvalid(parsed)) {
          expect(`${parsed.text}${parsed.reason}`).toMatch(/^[\x20-\x7e]*$/);
        } else {
          expect(parsed.toString()).toMatch(/^[\x21-\x7e]+$/);
          expect(Reference.parse(parsed.toString())).toEqual(parsed);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('RepositoryName.parse', () => {
  it('never throws, and what it accepts is canonical', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = RepositoryName.parse(text);
        if (!isInvalid(parsed)) expect(RepositoryName.parse(parsed.toString())).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parseRegistryHost', () => {
  it('never throws, and a canonical host stays as it is', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, registry), (text) => {
        const parsed = parseRegistryHost(text);
        if ('host' in parsed) expect(parseRegistryHost(parsed.host)).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('printable', () => {
  it('is short, plain ASCII, and changes nothing that is', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = printable(text);
        expect(shown).toMatch(/^[\x20-\x7e]{0,64}$/);
        expect(printable(shown)).toBe(shown);
      }),
    );
  });
});
