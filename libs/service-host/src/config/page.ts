import { TRACING_VARIABLES } from './tracing-variables.ts';
import type { Variable } from './variable.ts';
import { VARIABLES } from './variables.ts';

const HEAD = `# Configuration

Generated from \`libs/service-host/src/config/variables.ts\` by
\`node --conditions=dtm-source tools/configuration/write-page.mjs\`; do not edit by hand.

Everything is configured by environment variables, read once at start. A wrong value stops the service with exit code 1
and one line for each wrong variable: its name, the value (never that of a secret), and what is allowed. An empty value
counts as unset.

Any variable can be given as \`NAME_FILE\` instead, a path whose content is the value, as Docker and Kubernetes hand out
secrets: \`ADMIN_TOKEN_FILE=/run/secrets/admin-token\`.

Durations are numbers with units, largest unit first or not: \`90s\`, \`1h30m\`, \`2h\`, \`1d\`, \`2w\`, \`6mm\` (months), \`1y\`.
A year has 365.25 days and a month is the twelfth part of it.
`;

const REGISTRIES = `## The file of REGISTRIES_FILE

YAML: a mapping from registry (\`host[:port]\`; \`docker.io\` is Docker Hub) to its settings, all of them optional. Paths are
relative to the file. A setting that is not known stops the service.

\`\`\`yaml
docker.io:
  credentials:
    username: someone
    passwordFile: /run/secrets/docker-hub
  requestsPerSecond: 5
registry.example.com:
  credentials:
    token: a-bearer-token
  ca: ./example-ca.pem
harbor.internal:8443:
  privateAddresses: true
127.0.0.1:5000:
  plainHttp: true
  privateAddresses: true
\`\`\`

| setting | default | meaning |
|---|---|---|
| \`credentials.username\` with \`password\` or \`passwordFile\` | none | Account to sign in with |
| \`credentials.token\` or \`tokenFile\` | none | Bearer token, sent as it is |
| \`requestsPerSecond\` | \`MAX_REQUESTS_PER_SECOND\` | A number from 0.01 to 10000, across all fetchers together |
| \`ca\` | none | Certificates (PEM), or the path of a file with them, trusted besides the system's |
| \`plainHttp\` | \`false\` | May be asked without TLS |
| \`privateAddresses\` | \`false\` | May have a private, loopback or link-local address |

\`INSECURE_REGISTRIES\` sets the last two for the registries it lists. \`DOCKERHUB_USERNAME\` and \`DOCKERHUB_PASSWORD\` are
the credentials of \`docker.io\`; giving both these and credentials in the file is refused.

## The file of DOCKER_CONFIG_FILE

An ordinary Docker \`config.json\`: what \`docker login\` writes, or a Kubernetes secret of type
\`kubernetes.io/dockerconfigjson\`. Of its \`auths\` those are used for which neither the file above nor \`DOCKERHUB_*\` has
credentials; \`https://index.docker.io/v1/\` is \`docker.io\`. They are sent to the registry that they are named for and to
the token service that it names, never elsewhere. Credential helpers (\`credsStore\`, \`credHelpers\`) are not run: the log
names the registries whose credentials are with one. Only the registry-fetcher and \`npm run import\` read the file.
`;

const TRACES = `## Traces

[Off unless asked for](observe.md#traces). The names, defaults and meanings are those of OpenTelemetry's specification. Of what
it says beyond these, \`OTEL_EXPORTER_OTLP_TIMEOUT\`, \`..._COMPRESSION\`, \`..._CERTIFICATE\`, \`..._CLIENT_CERTIFICATE\` and
\`..._CLIENT_KEY\` are honoured too, but are not checked at start.
`;

/** `docs/configuration.md`: every variable there is, from the same table that the services read. */
export function configurationPage(): string {
  const variables = `## Variables\n\n${tableOf(VARIABLES)}`;
  return [HEAD, variables, TRACES, tableOf(TRACING_VARIABLES), REGISTRIES].join('\n');
}

function tableOf(variables: Record<string, Variable<unknown>>): string {
  const rows = Object.values(variables).map(
    (one) =>
      `| \`${one.name}\` | ${one.default === null ? 'unset' : `\`${one.default}\``} | ${cell(one.allowed)} | ${cell(one.meaning)} |`,
  );
  return `${['| variable | default | allowed | meaning |', '|---|---|---|---|', ...rows].join('\n')}\n`;
}

function cell(words: string): string {
  return words.replaceAll('|', '\\|');
}
