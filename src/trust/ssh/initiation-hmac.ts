import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * The HMAC of a Junos initiation sequence: HMAC-SHA1 with the clear-text secret as key over the host key line
 * `type base64` without NUL, line end or comment, in 40 lower-case hexadecimal digits (Junos outbound-ssh; confirmed
 * against a published sample).
 */
export function initiationHmac(secret: string, hostKeyLine: string): string {
  return createHmac('sha1', secret).update(hostKeyLine).digest('hex')
}

/**
 * Whether an HMAC as announced, in either case, vouches for the host key line. Takes the same time for every wrong one.
 */
export function hmacVouches(secret: string, hostKeyLine: string, announced: string): boolean {
  const expected = Buffer.from(initiationHmac(secret, hostKeyLine), 'latin1')
  const given = Buffer.from(announced.toLowerCase(), 'latin1')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
