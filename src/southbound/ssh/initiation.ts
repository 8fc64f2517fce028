import type { Socket } from 'node:net'
import type { Claim } from '../../trust/claim.js'
import { readInitiation } from './initiation-sequence.js'
import type { Refusal } from '../refusal.js'

export type ClaimReading =
  | { readonly ok: true; readonly claim: Claim }
  | { readonly ok: false; readonly refusal: Refusal }

/** What Calix AXOS waits for before it starts SSH: these thirteen bytes and no line end. */
const acknowledgement = '<ack>ok</ack>'

/**
 * Reads a call-home connection up to the device's SSH identification, and leaves that and everything after it on the socket,
 * paused, for the SSH client.
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
    const refuse = (reason: string, message: string, hint: string): void =>
      settle({
        ok: false,
        refusal: {
          reason,
          message,
          hint,
          ...(calix?.deviceIds[0] === undefined ? {} : { deviceId: calix.deviceIds[0] }),
        },
      })
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const initiation = readInitiation(bytes)
      if (initiation.state === 'refused') return settle({ ok: false, refusal: initiation.refusal })
      if (initiation.state === 'incomplete') return
      bytes = bytes.subarray(initiation.length)
      if (initiation.state === 'complete') return settle({ ok: true, claim: calix ?? initiation.claim })
      if (calix !== undefined)
        return refuse('initiation-malformed', 'sent a second <identity>', 'a device identifies itself once')
      calix = initiation.claim
      socket.write(acknowledgement)
      if (bytes.length > 0) onData(Buffer.alloc(0))
    }
    const onEnd = (): void =>
      refuse(
        'closed-early',
        bytes.length === 0 && calix === undefined
          ? 'closed without sending anything'
          : 'closed before its SSH identification',
        'a port check or a scan looks like this; if it was a device, look at its log',
      )
    const timer = setTimeout(
      () =>
        refuse(
          'initiation-timeout',
          `sent ${bytes.length === 0 && calix === undefined ? 'nothing' : 'no SSH identification'} for ${timeout / 1000} s`,
          'look whether something between the device and the bridge holds back data',
        ),
      timeout,
    )
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('close', onEnd)
  })
}
