import type { AuthContext } from 'ssh2'
import type { ParsedKey } from 'ssh2'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { hostKeyAlgorithmsFor } from '../../../src/ssh/host-key-algorithms.js'
import { createKeepalive } from '../../../src/ssh/keepalive.js'
import { parsePrivateKey } from '../../../src/ssh/private-key.js'
import { openSshLink, type SshLinkOpening, type SshHandshakeOptions } from './open-ssh-link.js'
import type { Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import { type CallingDevice, callAsDevice, newDeviceKey } from './calling-device.js'
import { openSocketPair } from './socket-pair.js'

export const trusted: Verdict = { trusted: true, deviceId: 'router1', because: 'pin', pin: false }

export interface LoginAtDevice {
  readonly device: CallingDevice
  readonly opening: Promise<SshLinkOpening>
  readonly stop: () => void
}

export interface LoginOptions
  extends Partial<Pick<SshHandshakeOptions, 'judge' | 'login' | 'loginStands' | 'handshakeTimeout'>> {
  /** What the device does with each request to log in. */
  readonly answer: (context: AuthContext) => void
}

/** A device that has dialled in and proven its host key, and the bridge on its way to log into it. */
export async function logIntoDevice({ answer, ...options }: LoginOptions): Promise<LoginAtDevice> {
  const sockets = await openSocketPair()
  const device = callAsDevice(sockets.device, newDeviceKey(), answer)
  const opening = openSshLink(sockets.bridge, {
    source: 'test',
    hostKeyAlgorithms: hostKeyAlgorithmsFor([]),
    judge: () => trusted,
    decision: () => Promise.resolve('timeout'),
    login: () => Promise.resolve({ username: 'netconf', keys: [], password: 'secret' }),
    work: (piece) => piece(),
    handshakeTimeout: 20_000,
    keepalive: createKeepalive(),
    keepaliveTimes: { interval: 0, countMax: 3, maxReplyWait: 0 },
    channels: { channelOpenTimeout: 10_000, channelCloseTimeout: 10_000 },
    ...options,
  })
  return { device, opening, stop: sockets.stop }
}

export function newLoginKey(): ParsedKey {
  const parsed = parsePrivateKey(generatePrivateKey('ed25519', 'login'))
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.key
}
