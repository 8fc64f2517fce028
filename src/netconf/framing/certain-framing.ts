import { CAPABILITY } from '../capabilities.js'
import type { Framing } from './framing.js'
import { type HelloError, helloOf } from '../hello.js'
import { failed, type Result, succeeded } from '../result.js'
import { createStrictXml } from '../xml/strict-xml.js'
import { parseXml } from '../xml/xml-parse.js'
import { elementsOf, textOf, type XmlElement } from '../xml/xml-tree.js'

/**
 * Whether a hello announces base:1.1, and with it chunks. `ambiguous`: one reader of it may say yes and another no, for
 * what is written is not the capability itself, or it stands where no capability is expected.
 */
export type ChunksClaim = 'announced' | 'absent' | 'ambiguous'

/**
 * Reads a client's `<hello>` strictly, for somebody between the peers who must cut messages just where the server will:
 * it is `<hello>` with one `<capabilities>` of `<capability>`s, and nothing else.
 */
export function readClientHello(message: Buffer): Result<ChunksClaim, HelloError> {
  const nothing = (): void => undefined
  const xml = createStrictXml({ onOpen: nothing, onClose: nothing, onText: nothing, onCdata: nothing })
  const fault = xml.write(message) ?? xml.end()
  if (fault !== undefined) return failed(badHello(fault.cause))
  const parsed = parseXml(message)
  if (!parsed.ok) return failed(badHello(parsed.error.cause))
  const root = parsed.value
  const hello = helloOf(root)
  if (!hello.ok) return hello
  if (!isPlain(root)) return failed(badHello('the <hello> of a client holds its <capabilities> and nothing else'))
  return succeeded(claimOf(message, hello.value.capabilities))
}

/** Reads a server's `<hello>`, which may hold more: its session-id, and what vendors add. */
export function readServerHello(message: Buffer): Result<ChunksClaim, HelloError> {
  const parsed = parseXml(message)
  if (!parsed.ok) return failed(badHello(parsed.error.cause))
  const hello = helloOf(parsed.value)
  return hello.ok ? succeeded(claimOf(message, hello.value.capabilities)) : hello
}

/** The framing that two peers use after such hellos (RFC 6242 §4.1), unless one of them might think otherwise. */
export function certainFraming(client: ChunksClaim, server: ChunksClaim): Result<Framing, HelloError> {
  if (client === 'absent' || server === 'absent') return succeeded('end-of-message')
  if (client === 'announced' && server === 'announced') return succeeded('chunked')
  return failed({
    kind: 'bad-hello',
    cause:
      `it is ambiguous whether the ${client === 'ambiguous' ? 'client' : 'device'} ` +
      'announces base:1.1 in its <hello>',
    hint: `write ${CAPABILITY.base11} as a <capability> of its own, in just these characters, or not at all`,
  })
}

const NEARLY_BASE_11 = /netconf:base:1\.1/i

function claimOf(message: Buffer, capabilities: readonly string[]): ChunksClaim {
  const written = message.toString()
  if (capabilities.includes(CAPABILITY.base11) && written.includes(`>${CAPABILITY.base11}<`)) return 'announced'
  return [written, ...capabilities].some((text) => NEARLY_BASE_11.test(text)) ? 'ambiguous' : 'absent'
}

function isPlain(hello: XmlElement): boolean {
  const [capabilities, ...more] = elementsOf(hello)
  const blank = (element: XmlElement): boolean => !/[^ \t\r\n]/.test(textOf(element))
  return (
    capabilities !== undefined &&
    more.length === 0 &&
    blank(hello) &&
    blank(capabilities) &&
    elementsOf(capabilities).every(
      (one) => one.name === 'capability' && one.namespace === hello.namespace && elementsOf(one).length === 0,
    )
  )
}

function badHello(cause: string): HelloError {
  return { kind: 'bad-hello', cause, hint: 'the first message is a <hello> (RFC 6241 §8.1)' }
}
