import type { Socket } from 'node:net'
import {
  proveHostKey,
  type SshHandshakeOptions,
  type SshLinkOpening,
} from '../../../src/southbound/ssh/ssh-handshake.js'

export type { SshHandshakeOptions, SshLinkOpening }

/** Has a device prove its host key, and logs into it at once. */
export async function openSshLink(socket: Socket, options: SshHandshakeOptions): Promise<SshLinkOpening> {
  const proof = await proveHostKey(socket, options)
  return proof.ok ? proof.logIn() : proof
}
