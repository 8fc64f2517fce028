import ssh2, { type Connection } from 'ssh2'
import { expect, it } from 'vitest'
import { openSshLink } from './support/open-ssh-link.js'
import { hostKeyAlgorithmsFor } from '../../src/ssh/host-key-algorithms.js'
import { createKeepalive } from '../../src/ssh/keepalive.js'
import { type PacketProtocol, sendPayload } from '../../src/ssh/ssh2/packets.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { newDeviceKey } from './support/calling-device.js'
import { openSocketPair } from './support/socket-pair.js'

const own = endAfterEach()

interface Insides {
  readonly _protocol: PacketProtocol & { readonly _handlers: Record<string, (...rest: unknown[]) => void> }
}

/** A link whose device does this for each of the bridge's global requests. */
async function linkTo(answer: (protocol: PacketProtocol) => void) {
  const sockets = own(await openSocketPair())
  const key = newDeviceKey()
  const server = new ssh2.Server({ hostKeys: [key.text] })
  server.on('connection', (connection: Connection) => {
    const { _protocol: protocol } = connection as unknown as Insides
    connection.on('error', () => undefined).on('authentication', (context) => context.accept())
    const { _handlers: handlers } = protocol
    handlers['GLOBAL_REQUEST'] = () => answer(protocol)
  })
  server.injectSocket(sockets.device)
  const opening = await openSshLink(sockets.bridge, {
    source: 'test',
    hostKeyAlgorithms: hostKeyAlgorithmsFor([]),
    judge: () => ({ trusted: true, deviceId: 'router1', because: 'pin', pin: false }),
    decision: () => Promise.resolve('timeout'),
    login: () => Promise.resolve({ username: 'netconf', keys: [], password: 'any' }),
    work: (piece) => piece(),
    handshakeTimeout: 10_000,
    keepalive: createKeepalive(),
    keepaliveTimes: { interval: 20, countMax: 3, maxReplyWait: 0 },
    channels: { channelOpenTimeout: 10_000, channelCloseTimeout: 10_000 },
  })
  if (!opening.ok) throw new Error(opening.refusal.message)
  own({ stop: () => opening.link.end({ reason: 'shutdown', message: 'the test is over' }) })
  return opening.link
}

/** RFC 4253 §11.4, with the number of a packet. */
const unimplemented = Buffer.of(3, 0, 0, 0, 9)

it('a device that knows no global request and says so is there', async () => {
  let probes = 0
  const enough = new Promise<string>((resolve, reject) => {
    linkTo((protocol) => {
      sendPayload(protocol, unimplemented)
      probes += 1
      // More than the bridge keeps count of.
      if (probes === 40) resolve('still there')
    })
      .then((link) => link.ended)
      .then(({ message }) => resolve(message))
      .catch(reject)
  })
  expect(await enough).toBe('still there')
})

it('a device that answers nothing is gone', async () => {
  const link = await linkTo(() => undefined)
  expect(await link.ended).toEqual({
    reason: 'keepalive-timeout',
    message: 'the device answered no keepalive probe',
  })
})
