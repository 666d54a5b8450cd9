import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';

const LIST = 'SHA256SUMS';

/** The checksum of every file in a folder, as `sha256sum --check` reads it. */
export async function checksums(/** @type {string} */ folder) {
  const lines = [];
  for (const name of filesIn(folder)) {
    if (name !== LIST) lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  }
  return lines.join('');
}

/** Throws, and names every file, where a backup is not what was written. */
export async function verifyBackup(/** @type {string} */ folder) {
  if (!existsSync(join(folder, LIST))) throw new Error(`${folder} is no finished backup: it has no ${LIST}`);
  const faults = [];
  const listed = new Set([LIST]);
  for (const line of readFileSync(join(folder, LIST), 'utf8').split('\n')) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    listed.add(name);
    if (!existsSync(join(folder, name))) faults.push(`${name} is missing`);
    else if ((await sha256(join(folder, name))) !== sum) faults.push(`${name} has another content`);
  }
  for (const name of filesIn(folder)) if (!listed.has(name)) faults.push(`${name} is not listed`);
  if (faults.length > 0) throw new Error(`the backup in ${folder} is damaged: ${faults.join(', ')}`);
}

/** Paths relative to the folder, in one order everywhere. */
function filesIn(/** @type {string} */ folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

async function sha256(/** @type {string} */ path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
