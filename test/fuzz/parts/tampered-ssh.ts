import type { Client, Connection } from 'ssh2'
import { sshString, sshUint32 } from '../../../src/ssh/wire.js'
import { type Material, mutate } from '../mutate.js'
import type { Random } from '../random.js'

/** What of ssh2's protocol packets go through before they are encrypted. */
interface Protocol {
  readonly _packetRW: { readonly write: { finalize: (packet: Buffer, force?: boolean) => Buffer } }
  readonly _cipher: { allocPacket: (size: number) => Buffer; encrypt: (packet: Buffer) => void }
  readonly _kexinit: unknown
}

/** Where a payload begins in a packet of ssh2, after its length and that of the padding. */
const PAYLOAD = 5

/** How a peer misbehaves. */
export interface Tampering {
  /** Packets of its own that it sends as they are. */
  readonly after: number
  /** How many of those that follow are spoilt, and how often something else is sent before them. */
  readonly spoilt: number
  readonly extra: number
}

export function tamperingBy(random: Random): Tampering {
  return {
    after: random.pick([0, 0, 1, 2, 3, 4, 6, 8, 12, 20]),
    spoilt: random.pick([0, 0.1, 0.3, 1]),
    extra: random.pick([0, 0.1, 0.5, 1]),
  }
}

/** Lets an ssh2 peer send other packets than it means to, properly encrypted. */
export function tamper(peer: Client | Connection, { after, spoilt, extra }: Tampering, random: Random): void {
  const { _protocol: protocol } = peer as unknown as { readonly _protocol: Protocol }
  const { write } = protocol._packetRW
  const pack = (payload: Buffer): Buffer => {
    const packet = protocol._cipher.allocPacket(payload.length)
    payload.copy(packet, PAYLOAD)
    return packet
  }
  let sent = 0
  write.finalize = (packet, force) => {
    // Without its header while it waits for a key exchange.
    if (protocol._kexinit !== undefined && force !== true) return packet
    sent += 1
    if (sent <= after || packet.length < PAYLOAD + 1) return packet
    if (random.chance(extra)) protocol._cipher.encrypt(pack(somePacket(random)))
    if (!random.chance(spoilt)) return packet
    const payload = packet.subarray(PAYLOAD, 4 + packet.readUInt32BE() - packet.readUInt8(4))
    return pack(mutate(payload, random, MATERIAL))
  }
}

const channel = (random: Random): Buffer => sshUint32(random.pick([0, 0, 0, 1, 2, 3, 1000, 0x7fffffff, 0xffffffff]))
const size = (random: Random): Buffer => sshUint32(random.pick([0, 1, 1024, 32768, 2 ** 21, 0x7fffffff, 0xffffffff]))
const text = (random: Random): Buffer =>
  sshString(
    random.pick([
      '',
      'netconf',
      'xml-mode netconf need-trailer',
      'a'.repeat(5000),
      '\0',
      '\xff\xfe',
      'keepalive@openssh.com',
      'exit-status',
      'x11',
      'session',
      'direct-tcpip',
      'forwarded-tcpip',
      'tcpip-forward',
      'env',
      'pty-req',
      'shell',
      'exec',
      'subsystem',
      'window-change',
      'signal',
      'exit-signal',
      'auth-agent-req@openssh.com',
      'ssh-userauth',
      'ssh-connection',
      'publickey',
      'password',
      'keyboard-interactive',
      'ssh-ed25519',
    ]),
  )
const truth = (random: Random): Buffer => Buffer.of(random.pick([0, 1, 1, 255]))
const some = (random: Random): Buffer => random.bytes(random.below(40))

type Field = (random: Random) => Buffer

/** Messages and what their fields are (RFC 4252, 4253, 4254; RFC 8308; OpenSSH's PROTOCOL). */
const MESSAGES: readonly (readonly [number: number, ...fields: Field[]])[] = [
  [1, size, text, text],
  [2, text],
  [3, size],
  [4, truth, text, text],
  [5, text],
  [6, text],
  [7, size, text, text],
  [20, some, text, text, text],
  [21],
  [30, text],
  [31, text, text, text],
  [34, size, size, size],
  [50, text, text, text, truth, text],
  [51, text, truth],
  [52],
  [53, text, text],
  [60, text, text],
  [61, size, text],
  [80, text, truth, text, size],
  [81, size],
  [82],
  [90, text, channel, size, size],
  [90, text, channel, size, size, text, size, text, size],
  [91, channel, channel, size, size],
  [92, channel, size, text, text],
  [93, channel, size],
  [94, channel, text],
  [95, channel, size, text],
  [96, channel],
  [97, channel],
  [98, channel, text, truth, text, size, size, size, size, text],
  [99, channel],
  [100, channel],
  [192, text],
]

/** A message of some kind that nobody expects. */
function somePacket(random: Random): Buffer {
  const [number, ...fields] = random.pick(MESSAGES)
  const packet = Buffer.concat([
    Buffer.of(random.chance(0.05) ? random.below(256) : number),
    ...fields.map((field) => field(random)),
  ])
  return random.chance(0.3) ? mutate(packet, random, MATERIAL) : packet
}

const MATERIAL: Material = {
  corpus: [Buffer.alloc(8), Buffer.from('ssh-connection'), sshString('netconf')],
  words: [
    '',
    'netconf',
    'publickey',
    'ssh-ed25519',
    'none',
    ']]>]]>',
    '\n##\n',
    ',curve25519-sha256',
    ',ext-info-c',
    'kex-strict-c-v00@openssh.com',
  ].map((one) => sshString(one)),
  maxSize: 33_000,
}
