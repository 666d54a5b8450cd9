import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { freePort, isPortFree } from '@dtm/embedded';

const DEFAULT_PORT = 8080;

/** What the user gave as `NAME`, or as the content of `NAME_FILE`; undefined where neither. @param {string} name */
export function setting(name) {
  const direct = process.env[name]?.trim();
  if (direct) return direct;
  const path = process.env[`${name}_FILE`]?.trim();
  if (!path) return undefined;
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    throw new Error(`${name}_FILE is "${path}": this file cannot be read.`);
  }
}

/**
 * The environment of a service: the user's, and `own` instead of what the user gave under the same names.
 * @param {Record<string, string>} own
 */
export function environmentWith(own) {
  const env = { ...process.env, ...own };
  // Both forms of one variable are refused, since one of them would silently lose.
  for (const name of Object.keys(own)) delete env[`${name}_FILE`];
  return env;
}

/**
 * The port of the web UI, kept taken until `release`, so that a second start on this machine at the same time takes
 * another one: the user's own port, else 8080, else the one of the last time, else the next free one.
 * @param {number | undefined} lastTime
 * @returns {Promise<{ port: number, release: () => Promise<void> }>}
 */
export async function reservePort(lastTime) {
  const given = setting('PORT');
  if (given !== undefined && Number(given) !== 0) {
    const port = Number(given);
    const reserved = await reserve(port);
    if (reserved) return reserved;
    throw new Error(`PORT is ${port}, and another program listens there already: stop it or choose another port.`);
  }
  const wanted =
    given === undefined ? [DEFAULT_PORT, ...(lastTime === undefined ? [] : [lastTime])] : [await freePort()];
  for (const port of wanted) {
    const reserved = await reserve(port);
    if (reserved) return reserved;
  }
  for (let port = DEFAULT_PORT + 1; port <= 65_535; port++) {
    const reserved = await reserve(port);
    if (reserved) return reserved;
  }
  throw new Error('There is no free port from 8080 up: set PORT.');
}

/** @param {number} port @returns {Promise<{ port: number, release: () => Promise<void> } | undefined>} */
async function reserve(port) {
  // The api listens on every address; another program on any one of them is in the way.
  if (!(await isPortFree(port, '127.0.0.1'))) return undefined;
  const server = createServer((socket) => socket.destroy());
  const listening = await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, exclusive: true }, () => resolve(true));
  });
  if (!listening) return undefined;
  server.unref();
  let released = false;
  return {
    port,
    release: () =>
      new Promise((resolve) => (released ? resolve() : ((released = true), server.close(() => resolve())))),
  };
}
