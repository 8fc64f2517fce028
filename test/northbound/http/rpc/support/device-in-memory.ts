import { type Duplex, duplexPair, PassThrough } from 'node:stream'
import { makeFeed } from '../../../../fleet/support/hand-made-feed.js'
import type { FleetEmitter } from '../../../../../src/fleet/fleet-emitter.js'
import type { Fleet } from '../../../../../src/fleet/fleet.js'
import type { DeviceChannel, LinkEnd } from '../../../../../src/fleet/link.js'
import type { SessionClient } from '../../../../../src/fleet/session-client.js'
import { sessionRefusal } from '../../../../../src/fleet/refusals/sessions.js'
import { CAPABILITY } from '../../../../../src/netconf/capabilities.js'
import { createFrameDecoder } from '../../../../../src/netconf/framing/frame-decoder.js'
import { encodeFrame } from '../../../../../src/netconf/framing/frame-encoder.js'
import { buildHello } from '../../../../../src/netconf/hello.js'
import { NETCONF_NS } from '../../../../../src/netconf/xml/namespaces.js'
import { serialiseXml } from '../../../../../src/netconf/xml/xml-serialise.js'

/** A request that waits for the test to answer it. */
export interface Asked {
  /** The number of its session, from 1. */
  readonly session: number
  readonly text: string
  /** Answers it; the body of `<rpc-reply>`. */
  readonly answer: (body?: string) => void
  /** Writes any bytes instead. */
  readonly write: (bytes: string) => void
  /** Ends its session without an answer. */
  readonly die: () => void
}

/** A device whose sessions the test itself serves, in base:1.0. */
export interface DeviceInMemory {
  readonly fleet: Pick<Fleet, 'openSession' | 'subscribe'>
  /** Tells what happens in its fleet. */
  readonly emit: FleetEmitter['emit']
  /** Who sessions were opened for, in order. */
  readonly clients: SessionClient[]
  /** The accounts that these sessions have to be on. */
  readonly accounts: (string | undefined)[]
  /** Numbers of the sessions that are open. */
  readonly open: Set<number>
  /** The next request that no test has taken yet; `<close-session>` is answered by itself. */
  readonly next: () => Promise<Asked>
  /** Requests that wait for an answer and were not taken. */
  readonly waiting: Asked[]
  /** Ends every session, and refuses others until `connect`. */
  readonly disconnect: () => void
  readonly connect: () => void
  readonly stop: () => void
}

export function deviceInMemory(): DeviceInMemory {
  const events = makeFeed()
  const clients: SessionClient[] = []
  const accounts: (string | undefined)[] = []
  const open = new Set<number>()
  const far = new Map<number, Duplex>()
  const waiting: Asked[] = []
  const takers: ((asked: Asked) => void)[] = []
  let connected = true
  let linkEnd: LinkEnd | undefined
  let sessions = 0

  const serve = (session: number, channel: Duplex): void => {
    const decoder = createFrameDecoder()
    channel.write(
      encodeFrame(
        'end-of-message',
        serialiseXml(buildHello({ capabilities: [CAPABILITY.base10], sessionId: session })),
      ),
    )
    channel.on('error', () => undefined)
    channel.on('data', (bytes: Buffer) => {
      decoder.push(bytes)
      for (let frame = decoder.next(); frame?.kind === 'message'; frame = decoder.next()) {
        const text = frame.bytes.toString()
        const id = /message-id="(\d+)"/.exec(text)?.[1]
        if (id === undefined) continue
        const write = (body: string): void => void channel.write(body)
        const answer = (body = '<ok/>'): void =>
          write(`<rpc-reply xmlns="${NETCONF_NS}" message-id="${id}">${body}</rpc-reply>]]>]]>`)
        const asked = { session, text, answer, write, die: () => channel.destroy() }
        if (text.includes('close-session')) answer()
        else if (takers.length > 0) takers.shift()?.(asked)
        else waiting.push(asked)
      }
    })
  }

  const openSession: Fleet['openSession'] = async ({ deviceId, client, account }) => {
    if (!connected)
      return {
        ok: false,
        refusal: sessionRefusal(
          'not-connected',
          deviceId,
          { detached: undefined, refusal: undefined, startedAt: 0, seen: undefined },
          0,
        ),
      }
    sessions += 1
    const session = sessions
    clients.push(client)
    accounts.push(account)
    const [near, other] = duplexPair()
    near.once('close', () => other.destroy())
    other.once('close', () => near.destroy())
    far.set(session, other)
    open.add(session)
    const closed = new Promise<object>((resolve) => {
      near.once('close', () => {
        open.delete(session)
        resolve({})
      })
    })
    serve(session, other)
    const began = linkEnd
    const channel: DeviceChannel = {
      stream: near,
      standardError: new PassThrough(),
      closed,
      ended: () => near.destroyed,
      terminalRefused: false,
      resize: () => undefined,
      signal: () => undefined,
      sendBreak: () => undefined,
      linkEnd: () => (linkEnd === began ? undefined : linkEnd),
      close: () => void near.destroy(),
    }
    const bytes = { fromClient: 0, fromDevice: 0 }
    const handle = {
      id: `session-${session}`,
      bytes,
      carried: () => undefined,
      restsWhen: () => undefined,
      killed: new Promise<string>(() => undefined),
    }
    return { ok: true, channel, session: handle }
  }

  return {
    fleet: { openSession, subscribe: events.subscribe },
    emit: events.emit,
    clients,
    accounts,
    open,
    waiting,
    next: () => {
      const first = waiting.shift()
      return first === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(first)
    },
    disconnect: () => {
      connected = false
      linkEnd = { reason: 'lost', message: 'the device closed the connection' }
      for (const channel of far.values()) channel.destroy()
    },
    connect: () => {
      connected = true
    },
    stop: () => {
      for (const channel of far.values()) channel.destroy()
    },
  }
}
