import type { FramingError } from './framing.js'
import { createMessageScanner, type ScannedMessage } from './message-scanner.js'
import { createSessionFraming, isHello } from './session-framing.js'

/** The two ends of a NETCONF session. */
export type Side = 'client' | 'server'

/** Follows a NETCONF session by what passes in both directions, hellos and framing included, and never disturbs it. */
export interface SessionScanner {
  readonly fromClient: (bytes: Buffer) => void
  readonly fromServer: (bytes: Buffer) => void
  /** What the server calls the session, once its hello was seen. */
  readonly sessionId: () => number | undefined
  /** Whether both sides have greeted, and neither is in the middle of a message. */
  readonly atRest: () => boolean
}

export interface SessionScannerOptions {
  /** Told of the hello of each side. */
  readonly onHello?: (side: Side, message: ScannedMessage) => void
  /** Bytes of each message's beginning, and of its end beyond that, to hand out. */
  readonly headSize: number
  readonly tailSize?: number
  /** Told of each message after the hello of its side; `end` says nothing here. */
  readonly onMessage: (side: Side, message: ScannedMessage) => void
  /** Told once a side: from here on nothing is told of it. */
  readonly onBroken: (side: Side, error: FramingError) => void
}

/** Bytes of a hello that are looked at: a device with many YANG modules has much to say. */
const MAX_HELLO_SIZE: Readonly<Record<Side, number>> = { client: 64 * 1024, server: 1024 * 1024 }

/** Bytes that may follow a side's hello before the other side's came; beyond, they are taken for `end-of-message`. */
const MAX_HELD = 256 * 1024

export function createSessionScanner(options: SessionScannerOptions): SessionScanner {
  const framing = createSessionFraming()

  const follow = (side: Side, onHello: (message: Buffer) => void) => {
    const held: Buffer[] = []
    let heldBytes = 0
    let state: 'greeting' | 'undecided' | 'decided' = 'greeting'

    const scanner = createMessageScanner({
      headSize: MAX_HELLO_SIZE[side],
      onMessage: (message) => {
        if (state === 'decided') return options.onMessage(side, message)
        state = 'undecided'
        onHello(message.head)
        if (isHello(message.head)) options.onHello?.(side, message)
        else options.onMessage(side, message)
        decide()
        if (state === 'undecided') scanner.pause()
      },
      onBroken: (error) => options.onBroken(side, error),
    })

    const decide = (agreed = framing.agreed()): void => {
      if (state !== 'undecided' || agreed === undefined) return
      state = 'decided'
      scanner.keep(options.headSize, options.tailSize)
      scanner.switchTo(agreed)
    }
    const hold = (bytes: Buffer): void => {
      held.push(bytes)
      heldBytes += bytes.length
      if (heldBytes <= MAX_HELD) return
      decide('end-of-message')
      release()
    }
    const release = (): void => {
      if (held.length > 0) for (const bytes of held.splice(0)) scanner.push(bytes)
    }
    return {
      push: (bytes: Buffer): void => {
        if (state === 'undecided') return hold(bytes)
        const scanned = scanner.push(bytes)
        if (scanned < bytes.length) hold(bytes.subarray(scanned))
      },
      atRest: (): boolean => state === 'decided' && !scanner.broken() && scanner.atBoundary(),
      resume: (): void => {
        decide()
        if (state === 'decided') release()
      },
    }
  }

  const client = follow('client', framing.clientHello)
  const server = follow('server', framing.serverHello)
  return {
    fromClient: (bytes) => {
      client.push(bytes)
      server.resume()
    },
    fromServer: (bytes) => {
      server.push(bytes)
      client.resume()
    },
    sessionId: framing.sessionId,
    atRest: () => client.atRest() && server.atRest(),
  }
}
