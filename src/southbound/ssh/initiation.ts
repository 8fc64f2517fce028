import type { Socket } from 'node:net'
import type { Claim } from '../../trust/claim.js'
import { beginsInitiation, claimedSoFar, isClientHello, isHttpRequest, readInitiation } from './initiation-sequence.js'
import { callHomeRefusal, type CallHomeRefusal, type SentBefore } from '../../fleet/refusals/call-home.js'
import type { ClaimReading } from '../transport.js'

/** What Calix AXOS waits for before it starts SSH: these thirteen bytes and no line end. */
const ACKNOWLEDGEMENT = '<ack>ok</ack>'

/** What a program reads that takes the port for that of the HTTP API. */
const WORDS = 'homeport: devices call home on this port over SSH; the HTTP API has another one, endpoint.http.port\n'
const HTTP_ANSWER =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n' +
  `Content-Length: ${WORDS.length}\r\n\r\n${WORDS}`

/** `unexpected_message`, fatal (RFC 8446 §6): else who speaks TLS reads no more than that the connection ended. */
const TLS_ALERT = Buffer.of(21, 3, 1, 0, 2, 2, 10)

const CLOSED_AFTER = {
  'the beginning of an initiation': 'before its SSH identification',
  'what no device sends': 'after sending what no device sends',
} as const

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
      const deviceId = calix?.deviceIds[0] ?? claimedSoFar(bytes)
      settle({ ok: false, refusal: { ...refusal, ...(deviceId === undefined ? {} : { deviceId }) } })
    }
    const sentBefore = (): SentBefore => {
      if (calix !== undefined || beginsInitiation(bytes)) return 'the beginning of an initiation'
      return bytes.length === 0 ? 'nothing' : 'what no device sends'
    }
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const initiation = readInitiation(bytes)
      if (initiation.state === 'refused') {
        if (isHttpRequest(bytes)) socket.write(HTTP_ANSWER)
        if (isClientHello(bytes)) socket.write(TLS_ALERT)
        return settle({ ok: false, refusal: initiation.refusal })
      }
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
    const onEnd = (): void => {
      const sent = sentBefore()
      refuse(sent === 'nothing' ? callHomeRefusal('sent-nothing') : callHomeRefusal('closed-early', CLOSED_AFTER[sent]))
    }
    const timer = setTimeout(() => refuse(callHomeRefusal('initiation-timeout', sentBefore(), timeout)), timeout)
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('close', onEnd)
  })
}
