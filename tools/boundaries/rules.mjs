// The arrows between packages, in one table. `eslint.config.mjs` makes it law for imports, `boundaries.spec.ts` for the
// manifests, and a fixture per rule proves that lint refuses what it should.

const DATABASE = ['pg', '@mikro-orm/*'];
const SERVER = ['@nestjs/*', '@nats-io/*', 'undici', 'express', 'pino', 'node:*', ...DATABASE];

/**
 * By the scope that a package's `nx.tags` names.
 * - `uses`: packages of this repository that it may import, besides itself; tests may use `testing` as well.
 * - `only`: outside packages that it may import; where absent, all but those in `never`. Tests are free of it.
 * - `never`: outside packages that it must not import, by a name for the rule; tests obey too.
 * - `environment`: may read `process.env`.
 */
export const SCOPES = {
  oci: { uses: [], only: [] },
  events: { uses: ['oci'], only: ['zod', 'node:crypto'] },
  'api-contract': { uses: ['oci'], only: [] },
  tracing: { uses: [], only: [] },
  jetstream: { uses: ['oci', 'events', 'tracing'], never: { database: DATABASE, 'registry access': ['undici'] } },
  'registry-client': {
    uses: ['oci', 'events'],
    never: { database: DATABASE, bus: ['@nats-io/*'], framework: ['@nestjs/*'] },
  },
  'read-model': {
    uses: ['oci', 'events'],
    never: { bus: ['@nats-io/*'], 'registry access': ['undici'], framework: ['@nestjs/*'] },
  },
  'service-host': { uses: ['oci', 'tracing'], never: { database: DATABASE, bus: ['@nats-io/*'] }, environment: true },
  embedded: { uses: [], environment: true },
  testing: { uses: ['embedded'], environment: true },
  scheduler: {
    uses: ['oci', 'events', 'jetstream', 'service-host', 'tracing'],
    never: { database: DATABASE, 'registry access': ['undici'] },
  },
  'registry-fetcher': {
    uses: ['oci', 'events', 'jetstream', 'registry-client', 'service-host', 'tracing'],
    never: { database: DATABASE },
  },
  'history-projector': {
    uses: ['oci', 'events', 'jetstream', 'read-model', 'service-host', 'tracing'],
    never: { 'registry access': ['undici'] },
  },
  api: {
    uses: ['oci', 'events', 'api-contract', 'jetstream', 'read-model', 'service-host'],
    never: { 'registry access': ['undici'] },
  },
  frontend: { uses: ['oci', 'api-contract'], never: { server: SERVER } },
  tools: {
    uses: ['oci', 'events', 'jetstream', 'registry-client', 'read-model', 'embedded', 'testing', 'service-host'],
    environment: true,
  },
};

/** What one folder alone may touch: elsewhere below `within` it is refused, tests excepted. */
export const ONLY_IN = [
  {
    name: 'charts',
    within: 'frontend/src/',
    folder: 'frontend/src/app/charts/',
    packages: ['@swimlane/ngx-charts'],
    globals: [],
    because: 'charts/ hides the chart library from the rest of the frontend',
  },
  {
    name: 'http',
    within: 'frontend/src/',
    folder: 'frontend/src/app/api/',
    packages: ['@angular/common/http'],
    // Wiring belongs to the start of the application.
    exceptNames: /^(?:provide|with)[A-Z]/,
    globals: ['fetch', 'EventSource', 'XMLHttpRequest', 'WebSocket'],
    because: 'api/ is the only caller of HTTP in the frontend',
  },
  {
    name: 'open-telemetry',
    within: 'libs/service-host/src/',
    folder: 'libs/service-host/src/tracing/',
    packages: ['@opentelemetry/*'],
    globals: [],
    because:
      'everything else says what it does to @dtm/tracing, so that nothing of OpenTelemetry is loaded while it is off',
  },
  {
    name: 'api-fetch',
    within: 'services/api/src/',
    // Asks the host of the source code for its stars, and nothing else.
    folder: 'services/api/src/source/',
    packages: [],
    globals: ['fetch'],
    because: 'the api never sees a registry, and asks the other services over NATS',
  },
];

/** Whether a specifier's package matches a pattern: a name, or `prefix*`. */
export function matches(name, patterns) {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern || name.startsWith(`${pattern}/`),
  );
}

/** The names of all rules; each has a fixture that lint refuses. */
export function ruleNames() {
  const names = ['inside the package', 'declared', 'testing in tests only', 'environment'];
  for (const [scope, { only, never = {} }] of Object.entries(SCOPES)) {
    names.push(`${scope} uses`);
    if (only !== undefined) names.push(`${scope} only`);
    for (const group of Object.keys(never)) names.push(`${scope} never ${group}`);
  }
  return [...names, ...ONLY_IN.map(({ name }) => `only in ${name}`)];
}
