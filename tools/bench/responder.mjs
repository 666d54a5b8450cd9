// A process of its own: the least that can be called a registry. Answers HEAD of a manifest with the digest from a table,
// so that what is measured is us and not a registry. Told by IPC what to serve; a request for anything else is counted.
import { createServer } from 'node:net';
import { digestOf, manifestOf, MEDIA_TYPE, tagsOf } from './manifests.mjs';

/** @type {Map<string, Buffer>} */
const table = new Map();
/** @type {Map<string, number>} */
const versions = new Map();
const NOT_FOUND = Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');

const counts = { requests: 0, unknown: 0, sockets: 0 };
/** Requests per second of the clock and port. @type {Map<string, number>} */
let perSecond = new Map();

/** @param {string} repository @param {string} tag @param {number} version */
function serve(repository, tag, version) {
  const path = `/v2/${repository}/manifests/${tag}`;
  const digest = digestOf(repository, tag, version);
  const headers = [
    'HTTP/1.1 200 OK',
    `Content-Length: ${manifestOf(repository, tag, version).length}`,
    `Content-Type: ${MEDIA_TYPE}`,
    `Docker-Content-Digest: ${digest}`,
    'Docker-Distribution-Api-Version: registry/2.0',
    `Etag: "${digest}"`,
    'X-Content-Type-Options: nosniff',
  ];
  versions.set(path, version);
  table.set(path, Buffer.from(`${headers.join('\r\n')}\r\n\r\n`));
}

/** @param {import('node:net').Socket} socket */
function answer(socket) {
  counts.sockets++;
  socket.setNoDelay(true);
  const { localPort } = socket;
  let rest = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    rest += chunk.toString('latin1');
    for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
      const path = rest.slice(rest.indexOf(' ') + 1, rest.indexOf(' HTTP/1.1\r\n'));
      const known = rest.startsWith('HEAD ') ? table.get(path) : undefined;
      rest = rest.slice(end + 4);
      counts.requests++;
      if (known === undefined) counts.unknown++;
      const second = `${localPort} ${Math.floor(Date.now() / 1000)}`;
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      socket.write(known ?? NOT_FOUND);
    }
  });
}

/** @param {number} ports @returns {Promise<number[]>} */
async function listen(ports) {
  return Promise.all(
    Array.from(
      { length: ports },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer(answer);
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
}

/** @type {Record<string, (value: any) => unknown>} */
const orders = {
  listen: (/** @type {number} */ ports) => listen(ports),
  serve(/** @type {import('./manifests.mjs').TagSet} */ set) {
    for (const { repository, tag } of tagsOf(set)) serve(repository, tag, 0);
  },
  /** Gives each of these another digest than before. */
  change(/** @type {{ repository: string, tag: string }[]} */ tags) {
    for (const { repository, tag } of tags) {
      serve(repository, tag, (versions.get(`/v2/${repository}/manifests/${tag}`) ?? 0) + 1);
    }
  },
  /** What was counted since the last time. */
  take() {
    const taken = { ...counts, perSecond: [...perSecond] };
    Object.assign(counts, { requests: 0, unknown: 0, sockets: 0 });
    perSecond = new Map();
    return taken;
  },
};

process.on('message', async (/** @type {{ id: number, order: string, value: unknown }} */ { id, order, value }) => {
  process.send?.({ id, result: await orders[order]?.(value) });
});
process.on('disconnect', () => process.exit());
