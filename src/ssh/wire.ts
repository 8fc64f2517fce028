/** An SSH `string`: its length in four bytes, then its bytes (RFC 4251 §5). */
export function sshString(value: string | Buffer): Buffer {
  const body = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** An SSH `mpint` of an unsigned big-endian number (RFC 4251 §5). */
export function sshMpint(magnitude: Buffer): Buffer {
  const firstSet = magnitude.findIndex((byte) => byte !== 0)
  const trimmed = firstSet === -1 ? Buffer.alloc(0) : magnitude.subarray(firstSet)
  const negative = trimmed.length > 0 && (trimmed[0] ?? 0) >= 0x80
  return sshString(negative ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed)
}

/** An SSH `uint32` (RFC 4251 §5). */
export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** An SSH `uint64` (RFC 4251 §5). */
export function sshUint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
