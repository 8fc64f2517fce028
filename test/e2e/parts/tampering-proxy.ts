import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { sshString, sshUint32 } from '../../../src/ssh/wire.js'
import { createWireReader } from '../../../src/ssh/wire-reader.js'
import type { Address } from './sshd-device.js'

export type TamperingProxy = Address & {
  /** KEXINITs that were changed so far. */
  readonly changed: () => number
  readonly stop: () => Promise<void>
}

/** SSH_MSG_KEXINIT, and the bytes before and the number of its lists (RFC 4253 §7.1). */
const KEXINIT = 20
const BYTES_BEFORE_LISTS = 17
const LISTS = 10

/** A man in the middle, who takes out of the lists of both KEXINITs what he does not want to be agreed on. */
export async function startTamperingProxy(to: Address, keeps: (name: string) => boolean): Promise<TamperingProxy> {
  const sockets = new Set<Socket>()
  let changed = 0
  const pass = (from: Socket, onto: Socket): void => {
    let held: Buffer | undefined = Buffer.alloc(0)
    let identified = false
    from.on('data', (chunk: Buffer) => {
      if (held === undefined) {
        onto.write(chunk)
        return
      }
      held = Buffer.concat([held, chunk])
      // Neither side says more before it has read the identification of the other.
      const end = identified ? 0 : endOfIdentification(held)
      onto.write(held.subarray(0, end))
      held = held.subarray(end)
      identified ||= end > 0
      const packet = identified ? firstPacket(held) : undefined
      if (packet === undefined) return
      const told = tamperedWith(packet.payload, keeps)
      if (!told.equals(packet.payload)) changed += 1
      onto.write(Buffer.concat([packetOf(told), held.subarray(packet.end)]))
      held = undefined
    })
    from.on('error', () => undefined)
    from.once('close', () => onto.destroy())
  }
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect(to)
    for (const socket of [near, far]) sockets.add(socket)
    pass(near, far)
    pass(far, near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    changed: () => changed,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** 0 where it has not ended yet; whatever comes before it is part of it. */
function endOfIdentification(bytes: Buffer): number {
  const start = bytes.indexOf('SSH-2.0-')
  return start === -1 ? 0 : bytes.indexOf('\n', start) + 1
}

function firstPacket(bytes: Buffer): { readonly end: number; readonly payload: Buffer } | undefined {
  if (bytes.length < 5) return undefined
  const end = 4 + bytes.readUInt32BE()
  if (bytes.length < end) return undefined
  const payload = bytes.subarray(5, end - (bytes[4] ?? 0))
  if (payload[0] !== KEXINIT) throw new Error('something else came before SSH_MSG_KEXINIT')
  return { end, payload }
}

function tamperedWith(payload: Buffer, keeps: (name: string) => boolean): Buffer {
  const reader = createWireReader(payload.subarray(BYTES_BEFORE_LISTS))
  const lists = Array.from({ length: LISTS }, () => sshString(reader.text().split(',').filter(keeps).join(',')))
  const rest = payload.subarray(BYTES_BEFORE_LISTS + reader.position())
  return Buffer.concat([payload.subarray(0, BYTES_BEFORE_LISTS), ...lists, rest])
}

function packetOf(payload: Buffer): Buffer {
  const padding = 4 + ((8 - ((payload.length + 9) % 8)) % 8)
  const length = sshUint32(payload.length + 1 + padding)
  return Buffer.concat([length, Buffer.from([padding]), payload, Buffer.alloc(padding)])
}
