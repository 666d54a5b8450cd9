export { startPostgresServer } from './postgres.mjs';
export { findNatsServer, natsConfiguration, natsServerVersion, startNatsServer } from './nats.mjs';
export { freePort, isPortFree } from './ports.mjs';
export { ServerProcess } from './server-process.mjs';
export { endWithParent } from './watchdog.mjs';
