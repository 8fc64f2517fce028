import type { Socket } from 'node:net'
import type { Claim } from '../../trust/claim.js'
import { readInitiation } from './initiation-sequence.js'
import { callHomeRefusal, type CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import type { ClaimReading } from '../transport.js'

/** What Calix AXOS waits for before it starts SSH: these thirteen bytes and no line end. */
const ACKNOWLEDGEMENT = '<ack>ok</ack>'

/**
 * Reads a call-home connection up to the device's SSH identification, and leaves that and everything after it on the
 * socket, paused, for the SSH client.
 * @param timeout milliseconds for the whole of it
 */
export function readClaim(socket: Socket, timeout: number): Promise<ClaimReading> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    let calix: Claim | undefined

    const settle = (reading: ClaimReading): void => {
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('end', onEnd)
      socket.off('close', onEnd)
      socket.pause()
      if (reading.ok && bytes.length > 0) socket.unshift(bytes)
      resolve(reading)
    }
    const refuse = (refusal: CallHomeRefusal): void => {
      const deviceId = calix?.deviceIds[0]
      settle({ ok: false, refusal: { ...refusal, ...(deviceId === undefined ? {} : { deviceId }) } })
    }
    const sentNothing = (): boolean => bytes.length === 0 && calix === undefined
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const initiation = readInitiation(bytes)
      if (initiation.state === 'refused') return settle({ ok: false, refusal: initiation.refusal })
      if (initiation.state === 'incomplete') return
      bytes = bytes.subarray(initiation.length)
      if (initiation.state === 'complete') return settle({ ok: true, claim: calix ?? initiation.claim })
      if (calix !== undefined)
        return refuse(
          callHomeRefusal('initiation-malformed', 'sent a second <identity>', 'a device identifies itself once'),
        )
      calix = initiation.claim
      socket.write(ACKNOWLEDGEMENT)
      if (bytes.length > 0) onData(Buffer.alloc(0))
    }
    const onEnd = (): void =>
      refuse(
        callHomeRefusal('closed-early', sentNothing() ? 'without sending anything' : 'before its SSH identification'),
      )
    const timer = setTimeout(() => refuse(callHomeRefusal('initiation-timeout', sentNothing(), timeout)), timeout)
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('close', onEnd)
  })
}
