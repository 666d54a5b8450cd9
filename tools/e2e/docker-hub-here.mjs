import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';

// Loaded before a service (`--import`), in place of name resolution: what it dials at Docker Hub is answered by the server on
// DOCKER_HUB_PORT. The service itself, its guards and its TLS are the real ones.
const HOSTS = new Set(['hub.docker.com', 'registry-1.docker.io']);
const port = Number(process.env['DOCKER_HUB_PORT']);
const { connect } = tls;

/** @param {any[]} given */
function connectHere(...given) {
  const [options] = given;
  const host = options?.servername ?? options?.host;
  // Whatever else is called as one of Docker's hosts would leave this machine.
  if (/(^|\.)docker\.(io|com)$/.test(host) && !HOSTS.has(host)) throw new Error(`nothing here answers for ${host}`);
  if (!HOSTS.has(host)) return Reflect.apply(connect, tls, given);
  return connect({ ...options, servername: host, host: '127.0.0.1', port });
}

tls.connect = /** @type {typeof tls.connect} */ (connectHere);
syncBuiltinESMExports();
