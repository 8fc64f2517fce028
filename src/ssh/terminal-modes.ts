import { createWireReader } from './wire-reader.js'
import { sshUint32 } from './wire.js'

/** `TTY_OP_END`: nothing comes behind it. */
const END = 0
/** From here on operations are not defined, and end what is read. */
const FIRST_UNDEFINED = 160

/**
 * Encoded terminal modes (RFC 4254 §8) as every device reads them: each operation once, with its argument, and the end
 * marked. Devices end their connection over modes that are cut off, and with it the sessions of everybody else on it.
 * @returns undefined where an operation has no whole argument
 */
export function wellFormedModes(encoded: Buffer): Buffer | undefined {
  const reader = createWireReader(encoded)
  const modes = new Map<number, number>()
  while (reader.left() > 0) {
    const operation = reader.uint8()
    if (operation === END || operation >= FIRST_UNDEFINED) break
    modes.set(operation, reader.uint32())
  }
  if (reader.failure() !== undefined) return undefined
  const pairs = [...modes].flatMap(([operation, argument]) => [Buffer.from([operation]), sshUint32(argument)])
  return Buffer.concat([...pairs, Buffer.from([END])])
}
