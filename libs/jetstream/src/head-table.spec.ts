import { describe, expect, it } from '@jest/globals';
import { HeadTable, type KeptHead } from './head-table.ts';

function head(i: number): KeptHead {
  const hex = i.toString(16).padStart(64, '0');
  return {
    sequence: 2 ** 40 + i,
    hash: hex.split('').reverse().join(''),
    digest: i % 3 === 0 ? `sha512:${hex}${hex}` : `sha256:${hex}`,
    gone: i % 2 === 0,
    observedAt: 1_795_000_000_000 + i,
    pushedAt: i % 5 === 0 ? null : 1_794_000_000_000 + i,
    changedAt: i % 7 === 0 ? null : 0,
  };
}

describe('HeadTable', () => {
  it('gives back what was put in, row by row, however many there are', () => {
    const table = new HeadTable();
    const heads = Array.from({ length: 5_000 }, (_, i) => head(i + 1));
    expect(heads.map((one) => table.add(one))).toEqual(heads.map((_, row) => row));
    expect(heads.map((_, row) => table.get(row))).toEqual(heads);
    expect(heads.map((_, row) => table.sequence(row))).toEqual(heads.map(({ sequence }) => sequence));
    expect(table.size).toBe(5_000);
  });

  it('replaces a row as a whole', () => {
    const table = new HeadTable();
    const rows = [0, 1, 2, 3, 4, 5].map((i) => table.add(head(i)));
    for (const row of rows) table.set(row, head(row + 35));
    expect(rows.map((row) => table.get(row))).toEqual(rows.map((row) => head(row + 35)));
  });
});
