import { z } from 'zod';
import { envelopeSchema, EVENT_SCHEMAS, EVENT_TYPES } from './envelope.ts';

/**
 * One JSON Schema (draft 2020-12) per event type by its file name under `docs/events/`: the whole message, attributes
 * and data. Members may be added to an event, so unknown ones are allowed; what spans several members (a canonical
 * reference, `subject` equal to what the data name) is beyond JSON Schema and left out.
 */
export function jsonSchemas(): ReadonlyMap<string, object> {
  return new Map(
    Object.entries(EVENT_TYPES).map(([name, type]) => {
      const data = EVENT_SCHEMAS[type];
      const version = type.slice(type.lastIndexOf('.') + 1);
      const message = envelopeSchema.extend({ type: z.literal(type), data });
      const { $schema, ...rest } = z.toJSONSchema(message, { io: 'input', override: simplify });
      const schema = {
        $schema,
        $id: `urn:docker-tag-monitor:event:${name}:${version}`,
        title: type,
        description: data.description,
        ...rest,
      };
      return [`${name}.${version}.schema.json`, schema];
    }),
  );
}

/** Zod's pattern of a timestamp holds a calendar; `format` says that already, and this what is narrower than it. */
function simplify({ jsonSchema }: { jsonSchema: { format?: string; pattern?: string } }): void {
  if (jsonSchema.format === 'date-time') jsonSchema.pattern = '^[^.]+\\.\\d{3}Z$';
}
