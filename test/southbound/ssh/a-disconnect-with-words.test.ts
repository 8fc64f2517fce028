import { expect, it } from 'vitest'
import { sshString } from '../../../src/ssh/wire.js'
import { openCallHome } from '../support/call-home.js'

/** An SSH packet before key exchange (RFC 4253 §6). */
function packet(payload: Buffer): Buffer {
  const padding = 8 - ((payload.length + 5) % 8) + 8
  const head = Buffer.alloc(5)
  head.writeUInt32BE(payload.length + padding + 1)
  head[4] = padding
  return Buffer.concat([head, payload, Buffer.alloc(padding)])
}

it.each([
  ['that begin a line', 'bye\n{"level":"info","msg":"link attached"}\u001b[2J\u202e'],
  ['that are many', 'm'.repeat(30_000)],
])('words of a disconnect %s are told as words of somebody else', async (_what, words) => {
  const room = await openCallHome()
  try {
    const refused = room.refused()
    const socket = (await room.dial()).resume()
    const disconnect = Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), sshString(words), sshString('')])
    socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), packet(disconnect)]))
    const { reason, message } = await refused
    expect(reason).toBe('handshake-failed')
    expect(message).toContain(words.slice(0, 3))
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(message.length).toBeLessThan(2000)
  } finally {
    await room.stop()
  }
})
