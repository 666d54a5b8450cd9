import { describe, expect, it } from '@jest/globals';
import { parseChallenges } from './challenge.ts';

const bearer = (params: Record<string, string>): object => ({ scheme: 'bearer', params });
const basic = (params: Record<string, string> = {}): object => ({ scheme: 'basic', params });

describe('parseChallenges', () => {
  it.each<[string, string | string[], object[]]>([
    [
      'one',
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"',
      [bearer({ realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull' })],
    ],
    [
      'a comma in a quoted value',
      'Bearer realm="r",scope="repository:a/b:pull,push"',
      [bearer({ realm: 'r', scope: 'repository:a/b:pull,push' })],
    ],
    [
      'two, as Codeberg writes them',
      'Bearer realm="r",service="s",scope="*",Basic realm="b"',
      [bearer({ realm: 'r', service: 's', scope: '*' }), basic({ realm: 'b' })],
    ],
    [
      'a scheme without parameters',
      'Negotiate, Basic realm="b"',
      [{ scheme: 'negotiate', params: {} }, basic({ realm: 'b' })],
    ],
    ['a scheme alone', 'Basic', [basic()]],
    ['token68', 'Negotiate YWJj==, Bearer realm="r"', [{ scheme: 'negotiate', params: {} }, bearer({ realm: 'r' })]],
    ['repeated headers', ['Basic realm="b"', 'Bearer realm="r"'], [basic({ realm: 'b' }), bearer({ realm: 'r' })]],
    ['space around =', 'Bearer realm = "r" , service= "s"', [bearer({ realm: 'r', service: 's' })]],
    ['any case', 'bEARER REALM="r"', [bearer({ realm: 'r' })]],
    ['tokens without quotes', 'Bearer realm=https://a/t,service=s', [bearer({ realm: 'https://a/t', service: 's' })]],
    ['escapes', 'Basic realm="a \\"b\\" \\\\c"', [basic({ realm: 'a "b" \\c' })]],
    ['empty values', 'Bearer realm="r",scope="",error=', [bearer({ realm: 'r', scope: '', error: '' })]],
    ['empty list elements', ', ,Bearer realm="r",, service="s",', [bearer({ realm: 'r', service: 's' })]],
    ['a parameter twice: the first', 'Bearer realm="r",realm="evil"', [bearer({ realm: 'r' })]],
    [
      'a missing closing quote',
      'Bearer realm="https://a/t,service="s',
      [bearer({ realm: 'https://a/t,service=' }), { scheme: 's', params: {} }],
    ],
    ['a value cut off', 'Bearer realm="https://a/t', [bearer({ realm: 'https://a/t' })]],
    [
      'names of the prototype',
      'Bearer __proto__="x",constructor="y",realm="r"',
      [bearer({ ['__proto__']: 'x', constructor: 'y', realm: 'r' })],
    ],
    ['nothing', '', []],
    ['rubbish', '"="', []],
  ])('reads %s', (_name, header, expected) => {
    const found = parseChallenges(header);
    expect(found.map(({ scheme, params }) => [scheme, Object.entries(params)])).toEqual(
      (expected as { scheme: string; params: Record<string, string> }[]).map(({ scheme, params }) => [
        scheme,
        Object.entries(params),
      ]),
    );
  });

  it('reads a header that is not there', () => {
    expect(parseChallenges(undefined)).toEqual([]);
  });
});
