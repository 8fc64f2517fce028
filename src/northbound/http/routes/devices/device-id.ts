import { z } from '@hono/zod-openapi'

/** A device id as somebody gives it anew; the same rule as in the configuration, which see for the `@`. */
export const newDeviceIdSchema = z
  .string()
  .min(1, 'a device id is not empty')
  .refine((id) => Buffer.byteLength(id) <= 255, 'a device id has at most 255 bytes')
  .refine((id) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(id), 'a device id has printable characters only')
  .refine((id) => id.trim() === id, 'a device id does not start or end with a space')
  .refine((id) => !id.includes('@'), 'a device id has no `@`: a login name `user@device-id` is split at its last one')
  // Every URL parser takes these segments out of a path, percent-encoded or not.
  .refine((id) => id !== '.' && id !== '..', 'a device id is neither `.` nor `..`: no URL can name it')

/** The device id in a path. */
export const deviceIdParameter = z.object({
  id: z.string().openapi({ param: { name: 'id', in: 'path' }, description: 'the device id, percent-encoded' }),
})
