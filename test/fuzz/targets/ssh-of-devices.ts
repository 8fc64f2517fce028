import type { Socket } from 'node:net'
import type { Connection, ServerChannel, Session } from 'ssh2'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import { initiationSequence } from '../../../src/simulator/initiation-sequence.js'
import { type HostKey, hostKeyOf } from '../../../src/simulator/host-key.js'
import { createCaller } from '../../e2e/support/http-api.js'
import { login, openNetconf } from '../../e2e/support/test-client.js'
import { AT_ONCE, attackSideBySide } from '../parts/attack-side-by-side.js'
import {
  type AttackedBridge,
  CONFIGURED,
  dial,
  hangUp,
  pause,
  secretOf,
  startAttackedBridge,
  writeInPieces,
} from '../parts/attacked-bridge.js'
import { tamper, tamperingBy } from '../parts/tampered-ssh.js'
import { createRandom, type Random, randomFor } from '../random.js'
import { helloFor, inEndOfMessage } from '../../northbound/ssh/support/guarded-conversation.js'
import type { Target } from '../target.js'

const HOST_KEYS = ['ed25519', 'ecdsa'].map((type) => hostKeyOf(generatePrivateKey(type as 'ed25519', 'fuzz')))

const WORDS = [
  'SSH-2.0-x\r\n',
  'MSG-ID: DEVICE-CONN-INFO\r\n',
  'DEVICE-ID: router1\r\n',
  '\0\0\0\x0c\x0a\x15',
  '\0\0\x01\x04',
  '\x14',
  '\x1e',
  'curve25519-sha256',
  '\0\0\x89\xb8',
]

/** Strangers at the call-home port, under each policy for keys that nobody has seen. */
export const sshOfStrangers: Target = {
  name: 'ssh-of-strangers',
  about: 'SSH packets on the call-home port before and after key exchange: pend, accept, refuse',
  remote: true,
  weight: 4,
  words: WORDS,
  start: async () => {
    const bridges: AttackedBridge[] = []
    for (const policy of ['pend', 'accept', 'refuse'] as const) bridges.push(await startAttackedBridge(policy))
    const operators = bridges.map((bridge) => createCaller(bridge, 4))
    return {
      take: async (input) => {
        const random = randomFor(input)
        // To pend is the longest way.
        const which = random.pick([0, 0, 1, 2])
        const [bridge, operator] = [bridges[which], operators[which]]
        if (bridge === undefined || operator === undefined) return
        const attacks = Array.from({ length: AT_ONCE }, (_, index) =>
          attack(bridge, input, createRandom(random.below(2 ** 32) + index), operator),
        )
        await Promise.all(attacks)
        await bridge.check()
      },
      stop: async () => {
        for (const operator of operators) operator.stop()
        for (const bridge of bridges) await bridge.stop()
      },
    }
  },
}

type Operator = ReturnType<typeof createCaller>

async function attack(bridge: AttackedBridge, input: Buffer, random: Random, operator: Operator): Promise<void> {
  const socket = await dial(bridge.callHomePort, random)
  if (random.chance(0.3)) {
    await writeInPieces(socket, input, random)
    return hangUp(socket, random)
  }
  const deviceId = random.chance(0.3) ? random.pick(CONFIGURED) : `stranger-${random.below(20)}`
  const hostKey = random.pick(HOST_KEYS)
  const device = serveTampered(socket, { deviceId, hostKey }, random, 'from the start')
  const decided = random.chance(0.5) ? decide(operator, deviceId, hostKey, random) : Promise.resolve()
  await Promise.race([device.over, pause(random.pick([50, 200, 500]))])
  await hangUp(socket, random)
  await decided
}

/** An operator who decides on a device while it may be gone already, or is there again. */
async function decide(operator: Operator, deviceId: string, { fingerprint }: HostKey, random: Random): Promise<void> {
  await pause(random.below(400))
  const how = random.pick(['approve', 'approve', 'reject'])
  const body = how === 'approve' ? { fingerprint } : {}
  await operator.call(`/api/v1/devices/${deviceId}/${how}`, { body }).catch(() => undefined)
  if (random.chance(0.5))
    await operator.call(`/api/v1/devices/${deviceId}`, { method: 'DELETE' }).catch(() => undefined)
}

/** Devices that were let in, and then break every rule. */
export const hostileDevices: Target = {
  name: 'hostile-devices',
  about: 'a device after login: channel messages with wrong ids, sizes, order, while clients use it',
  remote: true,
  weight: 3,
  words: WORDS,
  start: async () => {
    const bridge = await startAttackedBridge('accept')
    const operator = createCaller(bridge, 64)
    return {
      take: (input) =>
        attackSideBySide(bridge, randomFor(input), (random, index) =>
          attackFromWithin(bridge, random, operator, `within-${index}`),
        ),
      stop: async () => {
        operator.stop()
        await bridge.stop()
      },
    }
  },
}

async function attackFromWithin(bridge: AttackedBridge, random: Random, operator: Operator, id: string): Promise<void> {
  // Each time another one: its key is pinned.
  const deviceId = `${id}-${random.below(2 ** 32)}`
  const socket = await dial(bridge.callHomePort, random)
  const device = serveTampered(socket, { deviceId, hostKey: random.pick(HOST_KEYS) }, random, 'after login')
  await Promise.race([device.ready, device.over, pause(2_000)])
  const uses = Promise.allSettled([
    operator.call(`/api/v1/devices/${deviceId}/rpc`, { body: '<get/>', headers: { Prefer: 'wait=1' } }),
    operator.call(`/api/v1/devices/${deviceId}/get-config`, { body: { source: 'running' } }),
    useOverSsh(bridge, deviceId, random),
  ])
  await Promise.race([uses, pause(random.pick([50, 200, 500]))])
  await hangUp(socket, random)
  await Promise.race([uses, pause(100)])
  await operator.call(`/api/v1/devices/${deviceId}`, { method: 'DELETE' }).catch(() => undefined)
}

async function useOverSsh(bridge: AttackedBridge, deviceId: string, random: Random): Promise<void> {
  const client = await login(bridge, deviceId)
  try {
    const channel = await openNetconf(client)
    channel.write(random.bytes(100))
    channel.resume()
    await pause(random.below(200))
  } finally {
    client.end()
  }
}

interface TamperedDevice {
  readonly ready: Promise<void>
  readonly over: Promise<void>
}

/** Becomes a device on a socket, by a real SSH server that sends what it does not mean to. */
function serveTampered(
  socket: Socket,
  { deviceId, hostKey }: { readonly deviceId: string; readonly hostKey: HostKey },
  random: Random,
  when: 'from the start' | 'after login',
): TamperedDevice {
  const secret = random.chance(0.5) || when === 'after login' ? undefined : secretOf(deviceId)
  if (random.chance(0.9) || when === 'after login')
    socket.write(initiationSequence(deviceId, hostKey.publicLine, secret))
  const server = new ssh2.Server({ hostKeys: [{ key: hostKey.key }] })
  const over = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const ready = new Promise<void>((resolve) => {
    server.on('connection', (connection: Connection) => {
      connection.on('error', () => undefined)
      if (when === 'from the start') tamper(connection, tamperingBy(random), random)
      connection.on('authentication', (context) => {
        if (random.chance(0.9)) context.accept()
        else context.reject()
      })
      connection.on('ready', () => {
        if (when === 'after login') tamper(connection, { ...tamperingBy(random), after: random.below(6) }, random)
        resolve()
      })
      connection.on('session', (accept) => serveSession(accept(), random))
    })
  })
  server.on('error', () => undefined)
  server.injectSocket(socket)
  return { ready, over }
}

/** A session that answers with something like NETCONF. */
function serveSession(session: Session, random: Random): void {
  const serve = (accept: () => ServerChannel, reject: () => void): void => {
    if (random.chance(0.1)) return reject()
    const channel = accept()
    channel.on('error', () => undefined)
    channel.resume()
    channel.write(HELLO)
    if (random.chance(0.5)) channel.write(random.bytes(random.below(2000)))
    if (random.chance(0.5)) channel.write(OK)
    if (random.chance(0.2)) channel.end()
  }
  session.on('subsystem', serve)
  session.on('exec', serve)
  session.on('shell', serve)
}

const HELLO = inEndOfMessage(helloFor('end-of-message', '<session-id>1</session-id>'))
const OK = inEndOfMessage(`<rpc-reply xmlns="${NETCONF_NS}" message-id="1"><ok/></rpc-reply>`)
