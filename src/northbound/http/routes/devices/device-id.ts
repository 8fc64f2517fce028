import { z } from '@hono/zod-openapi'
import { faultOfDeviceId } from '../../../../trust/device-id.js'

/** A device id as somebody gives it anew. */
export const newDeviceIdSchema = z
  .string()
  .min(1, 'a device id is not empty')
  .superRefine((id, context) => {
    const fault = id === '' ? undefined : faultOfDeviceId(id)
    if (fault === undefined) return
    const why = fault.why === undefined ? '' : `: ${fault.why}`
    context.addIssue({ code: 'custom', message: `a device id ${fault.rule}${why}` })
  })

/** The device id in a path; one of an older version may break the rule, and must still be found to be forgotten. */
export const deviceIdParameter = z.object({
  id: z
    .string()
    .openapi({ param: { name: 'id', in: 'path' }, description: 'the device id, percent-encoded', example: 'router2' }),
})
