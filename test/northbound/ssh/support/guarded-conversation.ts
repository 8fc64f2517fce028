import { PassThrough } from 'node:stream'
import { decide, type OperationRule } from '../../../../src/access/authz/operation-rule.js'
import { readOperationPattern } from '../../../../src/config/operation-pattern.js'
import { createFrameDecoder } from '../../../../src/netconf/framing/frame-decoder.js'
import { encodeFrame } from '../../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../../src/netconf/framing/framing.js'
import { NETCONF_NS } from '../../../../src/netconf/xml/namespaces.js'
import { rpcErrorOf } from '../../../../src/netconf/rpc-error.js'
import { parseXml } from '../../../../src/netconf/xml/xml-parse.js'
import { attributeOf, elementsOf } from '../../../../src/netconf/xml/xml-tree.js'
import { createRequestCache } from '../../../../src/netconf/request-cache.js'
import { createInspectionBudget } from '../../../../src/northbound/ssh/guard/inspection-budget.js'
import { sinkInto } from '../../../../src/relay/byte-sink.js'
import { pipeToSink } from '../../../../src/relay/pipe-to-sink.js'
import {
  createRequestGuard,
  type Denial,
  type RequestGuardOptions,
} from '../../../../src/northbound/ssh/guard/request-guard.js'
import type { RelayGuard, StartGuard } from '../../../../src/relay/relay-guard.js'

const base = (version: '1.0' | '1.1'): string => `<capability>urn:ietf:params:netconf:base:${version}</capability>`

/** A hello that announces what such framing needs. */
export function helloFor(framing: Framing, more = ''): string {
  const capabilities = framing === 'chunked' ? base('1.0') + base('1.1') : base('1.0')
  return `<hello xmlns="${NETCONF_NS}"><capabilities>${capabilities}</capabilities>${more}</hello>`
}

export const serverHello = helloFor('chunked', '<session-id>7</session-id>')

export const inEndOfMessage = (payload: string | Buffer): Buffer => encodeFrame('end-of-message', payload)

/** Rules as a role has them: what it allows, and after `!` what it denies. */
export function rulesOf(...written: readonly string[]): readonly OperationRule[] {
  return written.map((text) => {
    const read = readOperationPattern(text.replace(/^!/, ''))
    if (!read.ok) throw new Error(read.message)
    return { effect: text.startsWith('!') ? 'deny' : 'allow', ...read.value }
  })
}

export interface GuardSetup extends Partial<RequestGuardOptions> {
  readonly rules: readonly string[]
}

/** Bytes that a stream holds before it is read; Node's own number grew with Node 22. */
const HIGH_WATER_MARK = 16 * 1024

const pipe = (): PassThrough => new PassThrough({ highWaterMark: HIGH_WATER_MARK })

/** A guard between streams: what is written to the first and the third comes out of the second and the fourth. */
export interface GuardBetweenStreams extends Pick<RelayGuard, 'violated' | 'clientGone' | 'stop'> {
  readonly fromClient: PassThrough
  readonly toDevice: PassThrough
  readonly fromDevice: PassThrough
  readonly toClient: PassThrough
  readonly denials: readonly Denial[]
}

export function guardWith(setup: GuardSetup): GuardBetweenStreams {
  const denials: Denial[] = []
  const streams = {
    fromClient: pipe(),
    toDevice: pipe(),
    fromDevice: pipe(),
    toClient: pipe(),
  }
  const { toDevice, toClient } = streams
  const guard = guardStart({ onDenied: (denial) => denials.push(denial), ...setup })({
    toDevice: sinkInto(toDevice, () => void toDevice.end()),
    toClient: sinkInto(toClient, () => void toClient.end()),
  })
  pipeToSink(streams.fromClient, guard.fromClient)
  pipeToSink(streams.fromDevice, guard.fromDevice)
  return { ...guard, ...streams, denials }
}

/** A guard that is yet to be put where bytes pass. */
export function guardStart({ rules, ...more }: GuardSetup): StartGuard {
  const options: RequestGuardOptions = {
    limits: { maxInspectedRequest: 1024 * 1024, maxWaitingRefusals: 100 },
    held: createInspectionBudget(() => 16 * 1024 * 1024),
    known: createRequestCache(),
    decide: (operation) => decide({ kind: 'rules', roles: [rulesOf(...rules)] }, operation),
    roles: ['viewer'],
    onDenied: () => undefined,
    ...more,
  }
  return (sinks) => createRequestGuard(options, sinks)
}

/** What came of a conversation. */
export interface Conversation {
  /** What the device got after the client's hello, without framing. */
  readonly device: readonly string[]
  /** All bytes that the device got. */
  readonly bytes: Buffer
  /**
   * What the client was told after the device's hello: `ok 1`, `access-denied 2`, with the message-id where there is
   * one.
   */
  readonly client: readonly string[]
  /** Why the session was ended by the guard. */
  readonly violation?: string
}

export interface ConversationOptions extends GuardSetup {
  readonly framing: Framing
  /** All that the client sends, hello included, as it is segmented. */
  readonly sent: readonly Buffer[]
  readonly serverHello?: string
}

/**
 * Lets a client talk through a guard to a device that answers `<ok/>` to each message whatever it holds, until either
 * side is done.
 */
export async function converse({
  framing,
  sent,
  serverHello: deviceHello = serverHello,
  ...setup
}: ConversationOptions): Promise<Conversation> {
  const guard = guardWith(setup)
  const got: Buffer[] = []
  const told: Buffer[] = []
  const device: string[] = []
  const atDevice = createFrameDecoder()
  let greeted = false
  guard.toDevice.on('data', (bytes: Buffer) => {
    got.push(bytes)
    atDevice.push(bytes)
    for (let frame = atDevice.next(); frame !== undefined; frame = atDevice.next()) {
      if (frame.kind === 'error') throw new Error(`the device got broken framing: ${frame.error.cause}`)
      const message = frame.bytes.toString('latin1')
      if (!greeted) {
        greeted = true
        atDevice.switchTo(framing)
        continue
      }
      device.push(frame.bytes.toString())
      const id = /message-id="([^"]*)"/.exec(message)?.[1]
      const attributes = id === undefined ? '' : ` message-id="${id}"`
      guard.fromDevice.write(encodeFrame(framing, `<rpc-reply xmlns="${NETCONF_NS}"${attributes}><ok/></rpc-reply>`))
    }
  })
  guard.toDevice.once('end', () => guard.fromDevice.end())
  guard.toClient.on('data', (bytes: Buffer) => told.push(bytes))
  const ended = new Promise<undefined>((resolve) => guard.toClient.once('end', () => resolve(undefined)))

  guard.fromDevice.write(inEndOfMessage(deviceHello))
  for (const bytes of sent) guard.fromClient.write(bytes)
  guard.fromClient.end()
  const violation = await Promise.race([guard.violated, ended])
  if (violation !== undefined) {
    guard.stop()
    guard.fromDevice.end()
    await ended
  }
  return {
    device,
    bytes: Buffer.concat(got),
    client: repliesIn(Buffer.concat(told), framing),
    ...(violation === undefined ? {} : { violation: violation.reason }),
  }
}

/** The replies that a client reads, shortly. */
export function repliesIn(bytes: Buffer, framing: Framing): readonly string[] {
  const decoder = createFrameDecoder()
  decoder.push(bytes)
  decoder.next()
  decoder.switchTo(framing)
  const replies: string[] = []
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
    if (frame.kind === 'error') throw new Error(`the client got broken framing: ${frame.error.cause}`)
    const parsed = parseXml(frame.bytes)
    if (!parsed.ok) throw new Error(`the client got what is not XML: ${parsed.error.cause}`)
    const [first] = elementsOf(parsed.value)
    if (first === undefined) throw new Error('the client got an empty reply')
    const id = attributeOf(parsed.value, 'message-id')
    const what = first.name === 'rpc-error' ? rpcErrorOf(first).tag : first.name
    replies.push(id === undefined ? what : `${what} ${id}`)
  }
  if (decoder.buffered() > 0) throw new Error('the client got half a message')
  return replies
}

/** The bytes one by one. */
export function oneByOne(bytes: Buffer): readonly Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte))
}
