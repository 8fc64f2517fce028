import { SSH_SOFTWARE } from './algorithms.js'
import { sshString, sshUint32 } from './wire.js'

/** `SSH_MSG_DISCONNECT` (RFC 4253 §11.1). */
const DISCONNECT = 1
/** `SSH_DISCONNECT_BY_APPLICATION`. */
const BY_APPLICATION = 11

/** Before keys are exchanged a packet is padded to a multiple of eight bytes, by four at least (RFC 4253 §6). */
const BLOCK = 8
const LEAST_PADDING = 4

/**
 * A packet that ends a connection on which no keys were exchanged yet, and says why. OpenSSH's `ssh` and PuTTY show the
 * words, `sshd` writes them into its log.
 */
export function earlyGoodbye(words: string): Buffer {
  const language = ''
  const payload = [
    Buffer.of(DISCONNECT),
    sshUint32(BY_APPLICATION),
    sshString(`homeport: ${words}`),
    sshString(language),
  ]
  const length = payload.reduce((sum, part) => sum + part.length, 0)
  const unpadded = 4 + 1 + length
  const padding = BLOCK - ((unpadded + LEAST_PADDING) % BLOCK) + LEAST_PADDING
  return Buffer.concat([sshUint32(1 + length + padding), Buffer.of(padding), ...payload, Buffer.alloc(padding)])
}

/** The same for a peer that has not read our identification yet (RFC 4253 §4.2). */
export function identifiedGoodbye(words: string): Buffer {
  return Buffer.concat([Buffer.from(`SSH-2.0-${SSH_SOFTWARE}\r\n`), earlyGoodbye(words)])
}
