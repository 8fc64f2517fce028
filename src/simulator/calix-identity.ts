import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { serialiseXml } from '../netconf/xml/xml-serialise.js'
import { element } from '../netconf/xml/xml-tree.js'

/** What a Calix AXOS E7 waits for before it begins SSH. */
const ACK = Buffer.from('<ack>ok</ack>')

const MAX_ACK_WAIT = 1024

/** What a Calix AXOS E7 sends first; its serial number is the device id. */
export function calixIdentity(deviceId: string, sourceIp: string): Buffer {
  const fields = [
    field('mac', macOf(deviceId)),
    field('serial-number', deviceId),
    field('model-name', 'E7-2'),
    field('source-ip', sourceIp),
  ]
  return Buffer.from(`<version>1</version><identity>${fields.join('')}</identity>\n`)
}

function field(name: string, value: string): string {
  return serialiseXml(element('', name, value))
}

/**
 * Waits for the acknowledgement and gives what came after it back to the socket, paused; false if something else came.
 */
export function awaitCalixAck(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0)
    const finish = (acknowledged: boolean): void => {
      socket.off('data', onData)
      socket.off('close', onClose)
      socket.pause()
      resolve(acknowledged)
    }
    const onClose = (): void => finish(false)
    const onData = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes])
      const at = received.indexOf(ACK)
      if (at === -1 && received.length <= MAX_ACK_WAIT) return
      finish(at !== -1)
      const rest = at === -1 ? received : skipLineEnd(received.subarray(at + ACK.length))
      if (rest.length > 0) socket.unshift(rest)
    }
    socket.on('data', onData)
    socket.on('close', onClose)
  })
}

function skipLineEnd(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1', 0, 2)
  return bytes.subarray(text === '\r\n' ? 2 : text.startsWith('\n') ? 1 : 0)
}

/** A locally administered address that stays the same for a device id. */
function macOf(deviceId: string): string {
  const hex = createHash('sha256').update(deviceId).digest('hex').slice(0, 10)
  return `02${hex}`.replace(/(..)(?=.)/g, '$1:')
}
