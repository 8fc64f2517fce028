import { z } from '@hono/zod-openapi'
import { FINGERPRINT } from '../../../../ssh/public-key.js'

const EXAMPLE = 'SHA256:uNiVztksCsDhcc0u9e8BrfXWIwGt9S1Qd0k4JcmH0uE'

/** A body with nothing but a fingerprint, for the documentation. */
export const exampleFingerprint = { fingerprint: EXAMPLE }

/** The fingerprint of a host key that an operator has compared with the device, as OpenSSH prints it. */
export const fingerprintSchema = z
  .string()
  .regex(FINGERPRINT, 'a fingerprint is SHA256: and 43 characters, as `ssh-keygen -lf` prints it')
  .openapi({
    description: 'of the host key, as it was compared with the device: another key may have been shown meanwhile',
    example: EXAMPLE,
  })
