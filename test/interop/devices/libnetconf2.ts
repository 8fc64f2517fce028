import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Libnetconf2Device, startLibnetconf2Device } from '../../e2e/parts/libnetconf2-device.js'
import type { SshKey } from '../../e2e/parts/ssh-keys.js'
import { versionOf } from '../parts/debian-version.js'
import type { LoginMeans } from '../parts/login-means.js'
import { DEVICE_USERS, type DevicePeer, type HangUp, type Purpose } from './device-peer.js'
import { carry } from './ways-to-serve.js'

/** It calls home by itself, here to a listener that carries it on to the bridge. */
export const libnetconf2Device: DevicePeer = {
  name: 'libnetconf2',
  version: () => versionOf('libnetconf2-dev'),
  hostKey: 'ecdsa',
  oneChannel: true,
  speaksNetconf: true,
  cannot: {
    'keyboard-interactive': 'the library has it for PAM alone',
    certificate: 'it knows no certificates',
    channels: 'it mixes up what several channels of a connection carry, so the bridge opens one',
  },
  without: { 'rekey-by-peer': 'it has no setting' },
  start: async ({ hostKeys, means }) => {
    const devices = new Set<Libnetconf2Device>()
    return {
      serve: async (connection, purpose) => {
        const { port, paired, stop } = await pairWith(connection)
        const device = await startLibnetconf2Device({
          bridge: { host: '127.0.0.1', port },
          hostKey: hostKeys[purpose],
          login: loginFor(purpose, means),
        })
        devices.add(device)
        await paired
        const hangUp: HangUp = async () => {
          stop()
          await device.stop()
          devices.delete(device)
        }
        return hangUp
      },
      said: () => [...devices].flatMap(({ log }) => log.all.slice(-3)).join(' / '),
      stop: async () => {
        await Promise.all([...devices].map((device) => device.stop()))
      },
    }
  },
}

/** One way in, as its program takes it. */
function loginFor(purpose: Purpose, { password, keys, agentKey, certified }: LoginMeans) {
  const accepted: Readonly<Partial<Record<Purpose, SshKey>>> = {
    rsa: keys.rsa,
    ecdsa: keys.ecdsa,
    ed25519: keys.ed25519,
    rekey: keys.ed25519,
    agent: agentKey,
    certificate: { ...certified, path: keys.rsa.path },
  }
  const authorizedKey = accepted[purpose]
  const user = DEVICE_USERS[purpose === 'rekey' ? 'ed25519' : purpose]
  return authorizedKey === undefined ? { user, password } : { user, authorizedKey }
}

/** A listener whose first caller is carried to a connection. */
async function pairWith(connection: Socket): Promise<{ port: number; paired: Promise<void>; stop: () => void }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const callers: Socket[] = []
  const paired = new Promise<void>((resolve) => {
    server.on('connection', (caller: Socket) => {
      caller.on('error', () => undefined)
      callers.push(caller)
      // It dials again when that is over, which is nobody's any more.
      if (callers.length > 1) caller.destroy()
      else carry(caller, connection)
      resolve()
    })
  })
  const stop = (): void => {
    server.close()
    for (const one of [connection, ...callers]) one.resetAndDestroy()
  }
  return { port, paired, stop }
}
