import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The server's configuration, ready to run: infra/nats.conf with its include and with the values of its variables, for the
 * version of the server: 2.9 refuses to start where it finds `sync_interval`.
 * @param {{ folder: string, variables: Record<string, string>, version: string }} options
 */
export function natsConfiguration({ folder, variables, version }) {
  const read = (/** @type {string} */ name) => readFileSync(join(folder, name), 'utf8');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const durable = major > 2 || (major === 2 && minor >= 10);
  return read('nats.conf')
    .replace(/^(\s*)include "\.\/nats-users\.conf"$/m, (_, indent) =>
      read('nats-users.conf').replace(/^(?=.)/gm, indent),
    )
    .split('\n')
    .filter((line) => durable || !line.includes('sync_interval'))
    .map((line) => (line.trim().startsWith('#') ? line : filledIn(line, variables)))
    .join('\n');
}

/** Puts quoted values in the places of variables; `$JS` and `$KV` in subjects stand in quotes and are none. */
function filledIn(/** @type {string} */ line, /** @type {Record<string, string>} */ variables) {
  return line.replace(/(?<=password: )\$([A-Z_]+)/g, (_, /** @type {string} */ name) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`there is no value for ${name} of infra/nats.conf`);
    return JSON.stringify(value);
  });
}
