import { describe, expect, it } from '@jest/globals';
import { remembering } from './remembering.ts';

describe('remembering', () => {
  it('computes once for each text, and anew after it has forgotten', () => {
    const computed: string[] = [];
    const upper = remembering(2, (text) => {
      computed.push(text);
      return text.toUpperCase();
    });
    expect(['a', 'b', 'a', 'b'].map(upper)).toEqual(['A', 'B', 'A', 'B']);
    expect(computed).toEqual(['a', 'b']);
    expect(['c', 'a', 'c'].map(upper)).toEqual(['C', 'A', 'C']);
    expect(computed).toEqual(['a', 'b', 'c', 'a']);
  });
});
