import type { Socket } from 'node:net'
import type { Link } from '../../../src/fleet/link.js'
import { hostKeyAlgorithmsFor } from '../../../src/ssh/host-key-algorithms.js'
import { createKeepalive } from '../../../src/ssh/keepalive.js'
import { openSshLink, type SshHandshakeOptions } from './open-ssh-link.js'

/** The link to a device whose key is trusted whatever it is, and that lets anybody in by any password. */
export async function openTrustedLink(
  socket: Socket,
  options: Pick<SshHandshakeOptions, 'channels'> & Partial<SshHandshakeOptions>,
): Promise<Link> {
  const opening = await openSshLink(socket, {
    source: 'test',
    hostKeyAlgorithms: hostKeyAlgorithmsFor([]),
    judge: () => ({ trusted: true, deviceId: 'router1', because: 'pin', pin: false }),
    decision: () => Promise.reject(new Error('nothing is pending')),
    login: () => Promise.resolve({ username: 'netconf', keys: [], password: 'any' }),
    work: (piece) => piece(),
    handshakeTimeout: 10_000,
    keepalive: createKeepalive(),
    keepaliveTimes: { interval: 0, countMax: 3, maxReplyWait: 0 },
    ...options,
  })
  if (!opening.ok) throw new Error(opening.refusal.message)
  return opening.link
}
