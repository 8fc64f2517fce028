import ssh2, { type Client, type ClientChannel } from 'ssh2'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { ops } from '../../e2e/support/users.js'
import { helloFor, inEndOfMessage } from '../../northbound/ssh/support/guarded-conversation.js'
import { attackSideBySide } from '../parts/attack-side-by-side.js'
import {
  type AttackedBridge,
  CONFIGURED,
  dial,
  hangUp,
  LIVE,
  pause,
  startAttackedBridge,
  VIEWER,
  writeInPieces,
} from '../parts/attacked-bridge.js'
import { tamper, tamperingBy } from '../parts/tampered-ssh.js'
import { type Random, randomFor } from '../random.js'
import type { Target } from '../target.js'

/** Strangers and users at the endpoint. */
export const sshOfClients: Target = {
  name: 'ssh-of-clients',
  about: 'SSH packets on the endpoint, before and after key exchange and login, hang-ups at each step',
  remote: true,
  weight: 4,
  words: [
    'SSH-2.0-x\r\n',
    '\0\0\0\x0c\x0a\x15',
    '\x14',
    '\x1e',
    'curve25519-sha256',
    ']]>]]>',
    '\n#1\n',
    '\n##\n',
    '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">',
    '<edit-config>',
    '</rpc>',
  ],
  start: async () => {
    const bridge = await startAttackedBridge('refuse')
    return {
      take: (input) => attackSideBySide(bridge, randomFor(input), (random) => attack(bridge, input, random)),
      stop: bridge.stop,
    }
  },
}

async function attack(bridge: AttackedBridge, input: Buffer, random: Random): Promise<void> {
  const socket = await dial(bridge.endpointPort, random)
  if (random.chance(0.2)) {
    await writeInPieces(socket, input, random)
    return hangUp(socket, random)
  }
  const client = new ssh2.Client()
  client.on('error', () => undefined)
  const over = new Promise<void>((resolve) => client.once('close', () => resolve()))
  const ready = new Promise<void>((resolve) => client.once('ready', () => resolve()))
  const early = random.chance(0.5)
  const user = random.pick([ops.name, VIEWER, 'nobody'])
  const device = random.pick([LIVE, LIVE, ...CONFIGURED, 'unknown', ''])
  client.connect({
    sock: socket,
    username: random.chance(0.95) ? `${user}@${device}` : input.toString('latin1', 0, 300),
    password: random.chance(0.8) ? ops.password : 'wrong',
    tryKeyboard: random.chance(0.3),
  })
  if (early) tamper(client, tamperingBy(random), random)
  await Promise.race([ready, over, pause(random.pick([5, 50, 1000, 1000, 1000]))])
  if (!early && random.chance(0.7)) tamper(client, { ...tamperingBy(random), after: random.below(8) }, random)
  await Promise.race([useSession(client, input, random), over, pause(random.pick([20, 100, 300]))])
  await hangUp(socket, random)
  client.end()
}

/** Opens a session of some kind and sends the input on it, as NETCONF or as it is. */
async function useSession(client: Client, input: Buffer, random: Random): Promise<void> {
  const channel = await new Promise<ClientChannel | undefined>((resolve) => {
    const opened = (error: Error | undefined, one: ClientChannel): void =>
      resolve(error === undefined ? one : undefined)
    try {
      const way = random.below(6)
      if (way < 3) client.subsys('netconf', opened)
      else if (way === 3) client.exec('xml-mode netconf need-trailer', opened)
      else if (way === 4) client.shell(opened)
      else client.forwardOut('127.0.0.1', 1, random.pick([LIVE, 'unknown']), 830, opened)
    } catch {
      // It is not connected any more.
      resolve(undefined)
    }
  })
  if (channel === undefined) return
  channel.on('error', () => undefined)
  // A client may also read nothing.
  if (random.chance(0.8)) channel.resume()
  const framing = random.chance(0.5) ? 'chunked' : 'end-of-message'
  if (random.chance(0.9)) channel.write(inEndOfMessage(helloFor(framing)))
  const request = `<rpc xmlns="${NETCONF_NS}" message-id="1"><get-config><source><running/></source></get-config></rpc>`
  for (let left = random.below(10); left > 0; left -= 1) channel.write(encodeFrame(framing, request))
  channel.write(random.chance(0.5) ? input : encodeFrame(framing, input))
  if (random.chance(0.3)) channel.end()
  if (random.chance(0.2)) channel.close()
  await pause(300)
}
