import { CAPABILITY, hasCapability } from '../capabilities.js'
import type { Framing } from './framing.js'
import { type Hello, type HelloError, parseHello } from '../hello.js'
import type { Result } from '../result.js'
import { parseRootTag } from '../xml/xml-parse.js'

/**
 * What framing two peers use after their hellos, found by somebody who only listens (RFC 6242 §4.1).
 * Each direction changes to it after its own hello.
 */
export interface SessionFraming {
  readonly clientHello: (message: Buffer) => void
  readonly serverHello: (message: Buffer) => void
  /** Undefined until it is known: after both hellos, or after the first that cannot chunk. */
  readonly agreed: () => Framing | undefined
  /** What the server calls the session, once it has said so. */
  readonly sessionId: () => number | undefined
}

export function createSessionFraming(): SessionFraming {
  let client: boolean | undefined
  let server: boolean | undefined
  let sessionId: number | undefined
  return {
    clientHello: (message) => {
      client ??= canChunk(message, parseHello(message))
    },
    serverHello: (message) => {
      const hello = parseHello(message)
      server ??= canChunk(message, hello)
      sessionId ??= hello.ok ? hello.value.sessionId : undefined
    },
    agreed: () => {
      if (client === false || server === false) return 'end-of-message'
      return client === undefined || server === undefined ? undefined : 'chunked'
    },
    sessionId: () => sessionId,
  }
}

/** Whether a first message announces base:1.1. Of a hello that we cannot parse the peers may make more. */
function canChunk(message: Buffer, hello: Result<Hello, HelloError>): boolean {
  if (hello.ok) return hasCapability(hello.value.capabilities, CAPABILITY.base11)
  return isHello(message) && message.includes('netconf:base:1.1')
}

/** Whether a first message is a hello at all: Junos lets a client do without. */
export function isHello(message: Buffer): boolean {
  const root = parseRootTag(message)
  return root.ok ? root.value.name === 'hello' : /<(?:[\w.-]+:)?hello[\s>]/.test(message.toString('latin1'))
}
