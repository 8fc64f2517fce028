import type { PublicKey } from '../../../src/ssh/public-key.js'
import { sshString } from '../../../src/ssh/wire.js'

/** A public key of this type that is told from others by its content; nobody has its private half. */
export function hostKey(content: number, type = 'ssh-ed25519'): PublicKey {
  return { type, blob: Buffer.concat([sshString(type), sshString(Buffer.alloc(32, content))]), comment: '' }
}
