import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Socket } from 'node:net'
import { sshMpint, sshString, sshUint32 } from '../../../src/ssh/wire.js'
import { createWireReader } from '../../../src/ssh/wire-reader.js'

/** Numbers of messages (RFC 4253 §12, RFC 5656 §7.1). */
export const MESSAGE = { disconnect: 1, ignore: 2, kexInit: 20, newKeys: 21, ecdhInit: 30, ecdhReply: 31 } as const

/** An SSH peer that the test makes packet by packet, up to the first encrypted one. */
export interface RawPeer {
  readonly socket: Socket
  /** The identification of the other side, without its line end; after its first line. */
  readonly theirIdentification: () => Promise<string>
  /** Sends payloads in one segment. */
  readonly send: (...payloads: readonly Buffer[]) => void
  /** The next packet with this message number, whatever came before it. */
  readonly received: (message: number) => Promise<Buffer>
  /** All packets so far. */
  readonly packets: readonly Buffer[]
  readonly closed: Promise<void>
}

export const IDENTIFICATION = 'SSH-2.0-raw'

/** Speaks SSH on a connected socket, beginning with an identification. */
export function rawPeer(socket: Socket, before = ''): RawPeer {
  const packets: Buffer[] = []
  const waiting = new Set<() => void>()
  let identification: string | undefined
  let bytes = Buffer.alloc(0)
  let over = false
  const look = (): void => {
    for (const check of waiting) check()
  }
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    if (identification === undefined) {
      const end = bytes.indexOf('\r\n')
      if (end === -1) return
      identification = bytes.subarray(0, end).toString()
      bytes = bytes.subarray(end + 2)
    }
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
      const length = bytes.readUInt32BE()
      packets.push(bytes.subarray(5, 4 + length - (bytes[4] ?? 0)))
      bytes = bytes.subarray(4 + length)
    }
    look()
  })
  const closed = new Promise<void>((resolve) => {
    const end = (): void => {
      over = true
      look()
      resolve()
    }
    socket.once('close', end)
    // A socket that is destroyed after data were left unread is reset.
    socket.on('error', () => undefined)
  })
  const until = <T>(what: string, found: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const value = found()
        if (value === undefined && !over) return
        waiting.delete(check)
        if (value === undefined) reject(new Error(`the connection was closed before ${what}`))
        else resolve(value)
      }
      waiting.add(check)
      check()
    })
  const taken = new Set<Buffer>()
  socket.write(`${before}${IDENTIFICATION}\r\n`)
  return {
    socket,
    packets,
    closed,
    theirIdentification: () => until('an identification', () => identification),
    send: (...payloads) => void socket.write(Buffer.concat(payloads.map(packetOf))),
    received: (message) =>
      until(`message ${message}`, () => {
        const next = packets.find((packet) => packet[0] === message && !taken.has(packet))
        if (next !== undefined) taken.add(next)
        return next
      }),
  }
}

/** An unencrypted packet (RFC 4253 §6). */
function packetOf(payload: Buffer): Buffer {
  const padding = 4 + ((8 - ((payload.length + 9) % 8)) % 8)
  return Buffer.concat([
    sshUint32(payload.length + 1 + padding),
    Buffer.from([padding]),
    payload,
    Buffer.alloc(padding),
  ])
}

export interface Offer {
  readonly kex?: readonly string[]
  readonly hostKey?: readonly string[]
  /** In both directions, as the next. */
  readonly cipher?: readonly string[]
  readonly mac?: readonly string[]
  /** Whether a guessed packet follows. */
  readonly follows?: boolean
}

/** A KEXINIT that can lead to an agreement (RFC 4253 §7.1). */
export function kexInit({
  kex = ['curve25519-sha256'],
  hostKey = ['ssh-ed25519'],
  cipher = ['aes128-ctr'],
  mac = ['hmac-sha2-256'],
  follows = false,
}: Offer = {}): Buffer {
  const ciphers = cipher.join(',')
  const macs = mac.join(',')
  const lists = [kex.join(','), hostKey.join(','), ciphers, ciphers, macs, macs, 'none', 'none', '', '']
  return Buffer.concat([
    Buffer.from([MESSAGE.kexInit]),
    Buffer.alloc(16, 7),
    ...lists.map((list) => sshString(list)),
    Buffer.from([follows ? 1 : 0]),
    sshUint32(0),
  ])
}

/** An ephemeral key for `curve25519-sha256`. */
export interface Ephemeral {
  readonly privateKey: KeyObject
  readonly publicBytes: Buffer
}

export function newEphemeral(): Ephemeral {
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  return { privateKey, publicBytes: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32) }
}

export function ecdhInit({ publicBytes }: Ephemeral): Buffer {
  return Buffer.concat([Buffer.from([MESSAGE.ecdhInit]), sshString(publicBytes)])
}

/** An Ed25519 host key that a raw server can prove. */
export interface RawHostKey {
  readonly blob: Buffer
  readonly privateKey: KeyObject
}

export function newRawHostKey(): RawHostKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const bytes = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return { privateKey, blob: Buffer.concat([sshString('ssh-ed25519'), sshString(bytes)]) }
}

/**
 * A server's KEX_ECDH_REPLY for what a client has sent.
 * @param signer whose signature it carries; that of the presented key unless given
 */
export function ecdhReply(
  exchange: {
    readonly identifications: readonly [client: string, server: string]
    readonly kexInits: readonly [client: Buffer, server: Buffer]
    readonly init: Buffer
  },
  presented: RawHostKey,
  signer: RawHostKey = presented,
): Buffer {
  const { identifications, kexInits, init } = exchange
  const reader = createWireReader(init.subarray(1))
  const clientBytes = reader.string()
  const own = newEphemeral()
  const prefix = Buffer.from('302a300506032b656e032100', 'hex')
  const theirs = createPublicKey({ key: Buffer.concat([prefix, clientBytes]), format: 'der', type: 'spki' })
  const secret = diffieHellman({ privateKey: own.privateKey, publicKey: theirs })
  const hashed = Buffer.concat([
    ...identifications.map((text) => sshString(text)),
    ...kexInits.map((payload) => sshString(payload)),
    sshString(presented.blob),
    sshString(clientBytes),
    sshString(own.publicBytes),
    sshMpint(secret),
  ])
  const hash = createHash('sha256').update(hashed).digest()
  const signature = Buffer.concat([sshString('ssh-ed25519'), sshString(sign(null, hash, signer.privateKey))])
  return Buffer.concat([
    Buffer.from([MESSAGE.ecdhReply]),
    sshString(presented.blob),
    sshString(own.publicBytes),
    sshString(signature),
  ])
}

/**
 * What a raw SSH server answers the client's half of a key exchange with, once that is here; it has sent its KEXINIT
 * then, and nothing after it.
 */
export async function answeredBy(
  peer: RawPeer,
  presented: RawHostKey,
  {
    signer,
    offer,
    guess = [],
  }: { readonly signer?: RawHostKey; readonly offer?: Offer; readonly guess?: readonly Buffer[] } = {},
): Promise<Buffer> {
  const identification = await peer.theirIdentification()
  const theirs = await peer.received(MESSAGE.kexInit)
  const ours = kexInit(offer)
  peer.send(ours, ...guess)
  const init = await peer.received(MESSAGE.ecdhInit)
  return ecdhReply(
    { identifications: [identification, IDENTIFICATION], kexInits: [theirs, ours], init },
    presented,
    signer,
  )
}
