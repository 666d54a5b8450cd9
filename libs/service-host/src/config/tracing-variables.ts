import { variable } from './variable.ts';

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const ENDPOINT_ALLOWED = 'an http or https address without user, password and query, such as http://collector:4318';
const PAIRS_ALLOWED = 'name=value, parted by commas, with %XX for what is special in a value';

/** The variables of OpenTelemetry that are honoured, by the names and defaults of its specification. */
export const TRACING_VARIABLES = {
  otlpEndpoint: variable.optional({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    allowed: ENDPOINT_ALLOWED,
    secret: true,
    read: readEndpoint,
    meaning:
      'Collector that traces are sent to, at its path `/v1/traces`, by OTLP over HTTP. Unset, like the next one: no traces',
  }),
  otlpTracesEndpoint: variable.optional({
    name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    allowed: ENDPOINT_ALLOWED,
    secret: true,
    read: readEndpoint,
    meaning: 'The same for traces alone, its path included',
  }),
  otlpProtocol: variable.choice({
    name: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    default: 'http/protobuf',
    of: PROTOCOLS,
    meaning: 'Encoding of what the collector is sent; gRPC is not built in',
  }),
  otlpTracesProtocol: variable.optional({
    name: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    allowed: `one of ${PROTOCOLS.join(', ')}`,
    read: (text) => PROTOCOLS.find((one) => one === text) ?? null,
    meaning: 'The same for traces alone',
  }),
  otlpHeaders: variable.optional({
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    allowed: PAIRS_ALLOWED,
    secret: true,
    read: readHeaders,
    meaning: 'Headers that the collector is sent, such as `authorization=Bearer%20...`',
  }),
  otlpTracesHeaders: variable.optional({
    name: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
    allowed: PAIRS_ALLOWED,
    secret: true,
    read: readHeaders,
    meaning: 'The same for traces alone, before those',
  }),
  tracesExporter: variable.optional({
    name: 'OTEL_TRACES_EXPORTER',
    allowed: 'otlp or none',
    read: (text) => (['otlp', 'none'] as const).find((one) => one === text) ?? null,
    meaning:
      '`none`: no traces, whatever else is set; `otlp` without an endpoint: to `http://localhost:4318`. Unset: as the endpoints say',
  }),
  otelDisabled: variable.boolean({
    name: 'OTEL_SDK_DISABLED',
    default: 'false',
    meaning: '`true`: no traces, whatever else is set',
  }),
  otelServiceName: variable.optionalText({
    name: 'OTEL_SERVICE_NAME',
    meaning:
      'Name under which traces show a service; unset: its own, such as `registry-fetcher`, in the namespace `docker-tag-monitor`',
  }),
  otelResourceAttributes: variable.optional({
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    allowed: PAIRS_ALLOWED,
    read: readPairs,
    meaning: 'What else traces say of a service, such as `deployment.environment.name=production`',
  }),
  tracesSampler: variable.choice({
    name: 'OTEL_TRACES_SAMPLER',
    default: 'parentbased_always_on',
    of: SAMPLERS,
    meaning: 'Which traces are recorded; `parentbased_*` leaves that to whoever began a trace',
  }),
  tracesSamplerArg: variable.number({
    name: 'OTEL_TRACES_SAMPLER_ARG',
    default: '1',
    min: 0,
    max: 1,
    meaning: 'Share of traces that the `*traceidratio` samplers record',
  }),
  spanDelayMs: variable.integer({
    name: 'OTEL_BSP_SCHEDULE_DELAY',
    default: '5000',
    min: 10,
    max: 600_000,
    meaning: 'Milliseconds for which spans are gathered before they are sent',
  }),
  spanQueue: variable.integer({
    name: 'OTEL_BSP_MAX_QUEUE_SIZE',
    default: '2048',
    min: 1,
    max: 1_000_000,
    meaning: 'Spans that wait to be sent at most; what comes then is dropped',
  }),
};

/** Passwords go into headers: an address is shown in places where those are not. */
function readEndpoint(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' ? url.href : null;
}

function readPairs(text: string): Record<string, string> | null {
  const pairs: Record<string, string> = {};
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [, name = '', value = ''] = /^\s*([^\s=]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (name === '') return null;
    try {
      pairs[name] = decodeURIComponent(value);
    } catch {
      return null;
    }
  }
  return pairs;
}

/** What is no header would make every request to the collector fail. */
function readHeaders(text: string): Record<string, string> | null {
  const pairs = readPairs(text) ?? { '': '' };
  const isHeader = ([name, value]: [string, string]) =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value);
  return Object.entries(pairs).every(isHeader) ? pairs : null;
}
