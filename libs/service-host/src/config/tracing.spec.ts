import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from './config.ts';
import type { TracingConfig } from './tracing.ts';

const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

function tracing(env: NodeJS.ProcessEnv): TracingConfig | null {
  return loadConfig('scheduler', { NATS_URL: 'nats://h', ...env }).tracing;
}

function faults(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    tracing(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('traces', () => {
  it.each([
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_SERVICE_NAME: 'a', OTEL_TRACES_SAMPLER: 'always_on' },
    { ...COLLECTOR, OTEL_TRACES_EXPORTER: 'none' },
    { ...COLLECTOR, OTEL_SDK_DISABLED: 'true' },
    { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'TRUE' },
  ])('are off with %j', (env) => {
    expect(tracing(env)).toBeNull();
  });

  it.each([
    [COLLECTOR, 'http://collector:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://host/otlp/' }, 'https://host/otlp/v1/traces'],
    [{ ...COLLECTOR, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other:1/spans' }, 'http://other:1/spans'],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http://localhost:4318/v1/traces'],
    [{ ...COLLECTOR, OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'false' }, 'http://collector:4318/v1/traces'],
  ])('with %j are sent to %s', (env, url) => {
    expect(tracing(env)?.url).toBe(url);
  });

  it('have the defaults of the specification', () => {
    expect(tracing(COLLECTOR)).toEqual({
      url: 'http://collector:4318/v1/traces',
      protocol: 'http/protobuf',
      headers: {},
      serviceName: null,
      resourceAttributes: {},
      sampler: 'parentbased_always_on',
      samplerRatio: 1,
      delayMs: 5000,
      queue: 2048,
    });
  });

  it('are told of by the rest of the variables; what is for traces alone comes first', () => {
    expect(
      tracing({
        ...COLLECTOR,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a%3D,x-tenant = one ,',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-tenant=two',
        OTEL_SERVICE_NAME: 'clock',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,city=M%C3%BCnchen',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_BSP_SCHEDULE_DELAY: '100',
        OTEL_BSP_MAX_QUEUE_SIZE: '10',
      }),
    ).toEqual({
      url: 'http://collector:4318/v1/traces',
      protocol: 'http/json',
      headers: { authorization: 'Bearer a=', 'x-tenant': 'two' },
      serviceName: 'clock',
      resourceAttributes: { 'deployment.environment.name': 'test', city: 'München' },
      sampler: 'parentbased_traceidratio',
      samplerRatio: 0.25,
      delayMs: 100,
      queue: 10,
    });
  });

  it('stop the service where a value is wrong, without repeating what may be a secret', () => {
    const told = faults({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:hunter2@collector:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_HEADERS: 'hunter2',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=hunter2%0d%0ax: y',
      OTEL_TRACES_EXPORTER: 'zipkin',
      OTEL_SDK_DISABLED: 'perhaps',
      OTEL_TRACES_SAMPLER: 'sometimes',
      OTEL_TRACES_SAMPLER_ARG: '2',
    });
    expect(told).toHaveLength(8);
    expect(told.join('\n')).not.toContain('hunter2');
    expect(told).toContain('OTEL_EXPORTER_OTLP_PROTOCOL is "grpc": allowed is one of http/protobuf, http/json');
    expect(told).toContain(
      'OTEL_EXPORTER_OTLP_ENDPOINT has a value that is not allowed (not shown): allowed is an http or https address without user, password and query, such as http://collector:4318',
    );
  });
});
