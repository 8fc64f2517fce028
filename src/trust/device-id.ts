/** A device id is no longer than this many octets. */
const maxLength = 255

/** Why a text that a device or a certificate gives is no device id, or undefined when it is one. */
export function faultOfDeviceId(id: string): string | undefined {
  if (id === '') return 'is empty'
  if (Buffer.byteLength(id) > maxLength) return `is longer than ${maxLength} octets`
  if (/\p{Cc}/u.test(id)) return 'holds control characters'
  // No URL can name these two (RFC 3986 §5.2.4), so nobody could ever decide on such a device.
  if (id === '.' || id === '..') return 'is not usable'
  return undefined
}
