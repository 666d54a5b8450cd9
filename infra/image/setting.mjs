import { readFileSync } from 'node:fs';

/** The value of an environment variable, or the content of the file that NAME_FILE names; undefined where neither is set. */
export function setting(/** @type {string} */ name) {
  const direct = process.env[name]?.trim();
  if (direct) return direct;
  const path = process.env[`${name}_FILE`]?.trim();
  return path ? readFileSync(path, 'utf8').trim() : undefined;
}

/** As above; throws a sentence where it is not set. */
export function requiredSetting(/** @type {string} */ name) {
  const value = setting(name);
  if (!value) throw new Error(`${name} (or ${name}_FILE) is not set`);
  return value;
}
