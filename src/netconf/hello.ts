import { CAPABILITY, hasCapability } from './capabilities.js'
import type { Framing } from './framing/framing.js'
import { NETCONF_NS } from './xml/namespaces.js'
import { failed, type Result, succeeded } from './result.js'
import { parseXml } from './xml/xml-parse.js'
import { element, elementsOf, textOf, type XmlElement } from './xml/xml-tree.js'

/** What a peer says first (RFC 6241 §8.1). A server names the session, a client must not. */
export interface Hello {
  readonly capabilities: readonly string[]
  readonly sessionId?: number
}

/** Why a message is not a usable hello. */
export interface HelloError {
  readonly kind: 'bad-hello' | 'no-common-base'
  readonly cause: string
  readonly hint: string
}

const MAX_HELLO_SIZE = 1024 * 1024
const MAX_SESSION_ID = 4_294_967_295

/** A `<hello>` to send. */
export function buildHello(hello: Hello): XmlElement {
  const capabilities = hello.capabilities.map((uri) => element(NETCONF_NS, 'capability', uri))
  const sessionId = hello.sessionId === undefined ? [] : [element(NETCONF_NS, 'session-id', String(hello.sessionId))]
  return element(NETCONF_NS, 'hello', [element(NETCONF_NS, 'capabilities', capabilities), ...sessionId])
}

/** Reads a `<hello>`, comments before it included; very old Junos says it without a namespace. */
export function parseHello(message: Buffer | string): Result<Hello, HelloError> {
  const parsed = parseXml(message, { maxSize: MAX_HELLO_SIZE })
  return parsed.ok ? helloOf(parsed.value) : failed(badHello(parsed.error.cause))
}

/** Reads a `<hello>` that was parsed already. */
export function helloOf(root: XmlElement): Result<Hello, HelloError> {
  if (root.name !== 'hello' || (root.namespace !== NETCONF_NS && root.namespace !== '')) {
    return failed(badHello(`<${root.name}> came where <hello> was expected`))
  }
  const named = (parent: XmlElement, name: string): readonly XmlElement[] =>
    elementsOf(parent).filter((child) => child.name === name && child.namespace === root.namespace)
  const list = named(root, 'capabilities')[0]
  if (list === undefined) return failed(badHello('the <hello> has no <capabilities>'))
  const capabilities = named(list, 'capability').map((one) => textOf(one).trim())
  const sessionIdElement = named(root, 'session-id')[0]
  if (sessionIdElement === undefined) return succeeded({ capabilities })
  const text = textOf(sessionIdElement).trim()
  const sessionId = Number(text)
  if (!/^\d+$/.test(text) || sessionId < 1 || sessionId > MAX_SESSION_ID) {
    return failed(badHello(`the <session-id> "${text.slice(0, 40)}" is not a number from 1 to ${MAX_SESSION_ID}`))
  }
  return succeeded({ capabilities, sessionId })
}

/** What two peers use after their hellos: chunks if both can (RFC 6242 §4.1), an error if they share no base. */
export function agreeFraming(ours: readonly string[], theirs: readonly string[]): Result<Framing, HelloError> {
  const both = (capability: string): boolean => hasCapability(ours, capability) && hasCapability(theirs, capability)
  if (both(CAPABILITY.base11)) return succeeded('chunked')
  if (both(CAPABILITY.base10)) return succeeded('end-of-message')
  return failed({
    kind: 'no-common-base',
    cause: 'the peers share neither base:1.0 nor base:1.1',
    hint: 'announce both base capabilities',
  })
}

function badHello(cause: string): HelloError {
  return {
    kind: 'bad-hello',
    cause,
    hint: 'a NETCONF peer sends a <hello> with its capabilities first (RFC 6241 §8.1)',
  }
}
