import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The script of a program that npm installed, to be run by this same Node.js. @param {string} name such as `tsc` */
export function programOf(name) {
  return realpathSync(join(ROOT, 'node_modules', '.bin', name));
}
