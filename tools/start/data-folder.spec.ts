import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataFolder } from './data-folder.mjs';

let scratch: string;
beforeEach(() => void (scratch = mkdtempSync(join(tmpdir(), 'dtm-data-folder-'))));
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

describe('DATA_DIR', () => {
  it('is made where it is not there', () => {
    const path = join(scratch, 'a', 'b');
    expect(statSync(new DataFolder(path).path).isDirectory()).toBe(true);
  });

  it.each([
    ['file', 'is no folder'],
    ['file/below', 'lies in something that is no folder'],
    ['link', 'is no folder'],
  ])('that is of no use is refused in one sentence: %s', (name, why) => {
    writeFileSync(join(scratch, 'file'), '');
    symlinkSync('file', join(scratch, 'link'));
    const path = join(scratch, name);
    expect(() => new DataFolder(path)).toThrow(
      `DATA_DIR is ${path}, which ${why}: set DATA_DIR to a folder that this user may write, or to a new one.`,
    );
  });

  // Nothing keeps root from writing.
  (process.getuid?.() === 0 ? it.skip : it)('that this user may not write is refused too', () => {
    chmodSync(scratch, 0o500);
    for (const path of [scratch, join(scratch, 'below')]) {
      expect(() => new DataFolder(path)).toThrow(
        `DATA_DIR is ${path}, which cannot be made, read or written by this user`,
      );
    }
    chmodSync(scratch, 0o700);
  });
});
