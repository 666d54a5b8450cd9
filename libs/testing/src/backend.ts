import { request } from 'node:http';
import { connect } from 'node:net';

/** Where the real servers of the tests come from. */
export type Backend = 'embedded' | 'containers';

let chosen: Promise<Backend> | undefined;

/** The images that the containers are made of, by the part of a test that needs them. */
export const IMAGES = { nats: 'nats:2.10', postgres: 'postgres:17', registry: 'registry:2' } as const;

/**
 * The one switch, TEST_BACKEND: `embedded`, `containers`, or `auto` (default: containers where an engine answers within
 * a second and has the images, else embedded). The log says which, once.
 */
export function testBackend(): Promise<Backend> {
  chosen ??= choose(process.env['TEST_BACKEND'] ?? 'auto').then(({ backend, reason }) => {
    process.stderr.write(`test backend: ${backend} (${reason})\n`);
    return backend;
  });
  return chosen;
}

async function choose(wanted: string): Promise<{ backend: Backend; reason: string }> {
  if (wanted === 'embedded' || wanted === 'containers') return { backend: wanted, reason: `TEST_BACKEND=${wanted}` };
  if (wanted !== 'auto') throw new Error(`TEST_BACKEND is ${wanted}; allowed are embedded, containers, auto`);
  const engine = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';
  if ((await ask(engine, '/_ping')) !== 200) return { backend: 'embedded', reason: 'no container engine answers' };
  for (const image of Object.values(IMAGES)) {
    // An engine without a way to the image registries would fail every test; `npm test` pulls what can be pulled.
    if ((await ask(engine, `/images/${image}/json`)) === 200) continue;
    return { backend: 'embedded', reason: `a container engine answers, but has no image ${image}` };
  }
  return { backend: 'containers', reason: 'a container engine answers' };
}

/** What a Docker-compatible engine answers to a GET within a second; undefined where it does not. */
function ask(engine: string, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socketPath = engine.startsWith('unix://') ? engine.slice('unix://'.length) : undefined;
    const { hostname, port } = socketPath === undefined ? new URL(engine) : { hostname: '', port: '' };
    const asked = request(
      {
        path,
        timeout: 1_000,
        createConnection: () =>
          socketPath === undefined ? connect(Number(port || 2375), hostname) : connect(socketPath),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.on('close', () => resolve(undefined));
    asked.end();
  });
}
