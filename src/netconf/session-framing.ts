import { CAPABILITY, hasCapability } from './capabilities.js'
import type { Framing } from './framing.js'
import { parseHello } from './hello.js'
import { parseRootTag } from './xml-parse.js'

/**
 * What framing two peers use after their hellos, found by somebody who only listens (RFC 6242 §4.1).
 * Each direction changes to it after its own hello.
 */
export interface SessionFraming {
  readonly clientHello: (message: Buffer) => void
  readonly serverHello: (message: Buffer) => void
  /** Undefined until it is known: after both hellos, or after the first that cannot chunk. */
  readonly agreed: () => Framing | undefined
}

export function createSessionFraming(): SessionFraming {
  let client: boolean | undefined
  let server: boolean | undefined
  return {
    clientHello: (message) => {
      client ??= canChunk(message)
    },
    serverHello: (message) => {
      server ??= canChunk(message)
    },
    agreed: () => {
      if (client === false || server === false) return 'end-of-message'
      return client === undefined || server === undefined ? undefined : 'chunked'
    },
  }
}

/** Whether a first message announces base:1.1. Of a hello that we cannot parse the peers may make more. */
function canChunk(message: Buffer): boolean {
  const hello = parseHello(message)
  if (hello.ok) return hasCapability(hello.value.capabilities, CAPABILITY.base11)
  return isHello(message) && message.includes('netconf:base:1.1')
}

/** Whether a first message is a hello at all: Junos lets a client do without. */
export function isHello(message: Buffer): boolean {
  const root = parseRootTag(message)
  return root.ok ? root.value.name === 'hello' : /<(?:[\w.-]+:)?hello[\s>]/.test(message.toString('latin1'))
}
