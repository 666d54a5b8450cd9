import { VERSION } from '@dtm/service-host';
import { z } from 'zod';
import { COMPONENTS, OPERATIONS, type Operation } from './operations.ts';

type Json = Record<string, unknown>;

const PATH_PARAMETERS: Readonly<Record<string, { description: string; example: string }>> = {
  reference: {
    description:
      '`[registry/]repository[:tag]` with its slashes as they are (percent-encoded ones are accepted too); the shorthands of `docker pull` are understood. A repository that ends in `/changes` or `/frequency` needs its tag written out.',
    example: 'docker.io/library/nginx:latest',
  },
  repository: {
    description: '`[registry/]repository` with its slashes as they are (percent-encoded ones are accepted too)',
    example: 'docker.io/library/nginx',
  },
};

const PROBLEM_WORDS: Readonly<Record<number, string>> = {
  400: 'The request is faulty; `errors` names the fields',
  401: 'The token of the administrator is missing or wrong',
  403: 'The call is turned off, or the registry must not be asked',
  404: 'Nothing is known of it; the title says what to do',
  413: 'The body is larger than 1 MB',
  415: 'The body is not JSON',
  429: 'Too many requests from this address; `Retry-After` says when to go on',
  500: 'Something broke on our side',
  502: 'The registry gave no usable answer',
  503: 'A part of the system does not answer, or the registry is halted; `Retry-After` says when to try again',
};

/** The OpenAPI 3.1 description of every call there is, made of the schemas that requests are checked against. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Docker Tag Monitor',
      version: VERSION,
      description:
        'The independent, verifiable record of what every container tag pointed to, and when. Times are RFC 3339 in UTC, durations seconds, digests `algorithm:hex`. Errors are `application/problem+json` with a title that says what to do. Every answer carries `x-request-id`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Tags', description: 'What is tracked, and how it changed' },
      { name: 'Scans', description: 'When registries are asked' },
      { name: 'System', description: 'How it is getting on' },
    ],
    paths: paths(),
    components: {
      schemas: componentSchemas(),
      responses: Object.fromEntries(
        Object.entries(PROBLEM_WORDS).map(([status, description]) => [
          `Problem${status}`,
          {
            description,
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        ]),
      ),
      securitySchemes: { administrator: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN of the api' } },
    },
  };
}

function paths(): Json {
  const result: Record<string, Json> = {};
  for (const operation of OPERATIONS) (result[operation.path] ??= {})[operation.method] = describe(operation);
  return result;
}

function describe(operation: Operation): Json {
  const { id, group, summary, description, body, answer, admin } = operation;
  return {
    operationId: id,
    tags: [group],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(admin === true ? { security: [{ administrator: [] }] } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              'application/json': { schema: { $ref: `#/components/schemas/${body.name}` }, example: body.example },
            },
          },
        }),
    ...parametersOf(operation),
    responses: {
      [answer.status]: {
        description: answer.description,
        ...(answer.schema === undefined
          ? {}
          : {
              content: {
                [answer.contentType ?? 'application/json']: {
                  schema: { $ref: `#/components/schemas/${answer.schema}` },
                },
              },
            }),
      },
      ...Object.fromEntries(
        [...operation.problems, 429, 500]
          .sort((a, b) => a - b)
          .map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
      ),
    },
  };
}

function parametersOf({ path, query, headers = [] }: Operation): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    ...PATH_PARAMETERS[name],
    schema: { type: 'string' },
  }));
  const properties = query === undefined ? {} : (jsonSchema(query, 'input')['properties'] as Record<string, Json>);
  const inQuery = Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    description,
    schema,
  }));
  const inHeader = headers.map((header) => ({ ...header, in: 'header', schema: { type: 'string' } }));
  const parameters = [...inPath, ...inQuery, ...inHeader];
  return parameters.length === 0 ? {} : { parameters };
}

function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, override: plain });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  return z.toJSONSchema(schema, { io, override: plain });
}

/** Formats say what the long patterns of zod say; numbers in a query are numbers to whoever reads the document. */
function plain({
  jsonSchema: schema,
}: {
  jsonSchema: { format?: string; pattern?: string; type?: unknown; default?: unknown };
}): void {
  if (schema.format !== undefined || schema.type === 'integer') delete schema.pattern;
  if (schema.type === 'integer' && schema.default !== undefined) schema.default = Number(schema.default);
}
