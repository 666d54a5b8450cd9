import { describe, expect, it } from '@jest/globals';
import { boundedJson } from './bounded-json.ts';

describe('boundedJson', () => {
  const parse = (text: string, maxValues: number): unknown => boundedJson(Buffer.from(text), maxValues, 'the list');

  it.each([
    ['[1,2,3]', 4],
    ['{"a":1,"b":[2]}', 4],
    ['[[],[],{}]', 7],
    ['"a,b"', 2],
  ])('parses %s where %d values are allowed', (text, values) => {
    expect(parse(text, values)).toEqual(JSON.parse(text));
    expect(() => parse(text, values - 1)).toThrow(`the list is too large: it holds more than ${values - 1} values`);
  });

  it('refuses what is nested deeper than it has values', () => {
    expect(() => parse('['.repeat(1000), 100)).toThrow('too large');
  });

  it('says of what is no JSON that it is none', () => {
    expect(() => parse('<html>', 100)).toThrow(SyntaxError);
  });
});
