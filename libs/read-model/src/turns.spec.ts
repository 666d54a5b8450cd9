import { expect, it } from '@jest/globals';
import { Turns } from './turns.ts';

it('lets no more than so many work at once, in the order in which they came, whether they fail or not', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const works = Array.from({ length: 5 }, (_, i) =>
    turns.take(async () => {
      begun.push(i);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (i === 0) throw new Error('failed');
      return i;
    }),
  );
  const settled = Promise.allSettled(works);
  for (let i = 0; i < 5; i++) {
    await new Promise(setImmediate);
    expect(begun).toEqual([0, 1, 2, 3, 4].slice(0, i + 2));
    ends.shift()?.();
  }
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', ...Array<string>(4).fill('fulfilled')]);
  expect(await turns.take(() => Promise.resolve('free again'))).toBe('free again');
});
