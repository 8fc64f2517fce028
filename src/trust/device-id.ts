const MAX_BYTES = 255

/** What a text that is no device id does wrong, in words for whoever sent it and for whoever writes one. */
export interface DeviceIdFault {
  /** What stands behind "the device id": `has an @`. */
  readonly fault: string
  /** What stands behind "a device id": `has no @`. */
  readonly rule: string
  /** Why it is so, where the rule does not say. */
  readonly why?: string
}

/**
 * Why a text is no device id, or undefined when it is one. This is the one rule: for the configuration file, the HTTP
 * API, the command line, and for what a device or a certificate says.
 *
 * A device id is free text as Junos has it, of 1 to 255 bytes of UTF-8. It fits one line, and all of it is seen: two
 * ids that look the same could be taken for each other when one is approved.
 */
export function faultOfDeviceId(id: string): DeviceIdFault | undefined {
  if (id === '') return { fault: 'is empty', rule: 'is not empty' }
  if (Buffer.byteLength(id) > MAX_BYTES)
    return { fault: `is longer than ${MAX_BYTES} bytes`, rule: `has at most ${MAX_BYTES} bytes` }
  if (/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(id))
    return { fault: 'has characters that are not printable', rule: 'has printable characters only' }
  if (id.trim() !== id) return { fault: 'starts or ends with a space', rule: 'does not start or end with a space' }
  if (id.includes('@'))
    return { fault: 'has an `@`', rule: 'has no `@`', why: 'a login name `user@device-id` is split at its last `@`' }
  // Every URL parser takes these two segments out of a path, percent-encoded or not (RFC 3986 §5.2.4).
  if (id === '.' || id === '..')
    return { fault: 'is `.` or `..`', rule: 'is neither `.` nor `..`', why: 'no URL can name it' }
  return undefined
}
