import { createServer } from 'node:net';

// Below Linux's range of ephemeral ports (32768 and up): a port from that range can be taken as the source port of an
// outgoing connection while its server restarts.
const FIRST = 20_000;
const LAST = 32_000;

/**
 * Whether a server could listen there now.
 * @param {number} port
 * @param {string} [host] default 127.0.0.1
 * @returns {Promise<boolean>}
 */
export function isPortFree(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A free port on 127.0.0.1: the preferred one if it is free.
 * @param {number} [preferred]
 * @returns {Promise<number>}
 */
export async function freePort(preferred) {
  if (preferred !== undefined && (await isPortFree(preferred))) return preferred;
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isPortFree(port)) return port;
  }
}
