import { z } from '@hono/zod-openapi'
import { jobSchema } from './job-view.js'

/** What a call that may become a job can say besides. */
export const asyncHeader = z.object({
  prefer: z
    .string()
    .optional()
    .openapi({ description: '`respond-async`: 202 at once, carried out as a job when the device is there' }),
})

export const asyncQuery = z.object({
  expires: z.string().optional().openapi({ description: 'such as `12h`: how long the job waits for the device' }),
})

/** How it is answered then. */
export const queuedResponse = {
  202: {
    description: 'with `Prefer: respond-async`: the job; `Location` says where it is',
    content: { 'application/json': { schema: jobSchema } },
  },
}
