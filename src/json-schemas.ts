import { z } from 'zod';
import { lawSchema } from './fit/law.js';
import { shapeSchema } from './flops/shape-schema.js';
import { sweepSchema } from './recommend/design/sweep-schema.js';
import { runRecordSchema } from './runs/record.js';

/** JSON Schemas (draft 2020-12) of the files that the product reads and writes, by name. */
export function jsonSchemas(): Readonly<Record<'law' | 'run-record' | 'shape' | 'sweep', object>> {
  // As input: a run record may carry columns of its own beside those described.
  const schemaOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' });
  return {
    law: schemaOf(lawSchema),
    'run-record': schemaOf(runRecordSchema),
    shape: schemaOf(shapeSchema),
    sweep: schemaOf(sweepSchema),
  };
}
