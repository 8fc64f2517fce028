import { inBackground } from '../lib/background.js'
import { setTimeout as delay } from 'node:timers/promises'
import type { HeldSession, HeldSessionView } from '../fleet/held-session.js'
import type { DeviceChannel, Link } from '../fleet/link.js'
import type { Log } from '../telemetry/log.js'

/** Milliseconds before a held session is opened again that gave way, or that ended after it had served for a while. */
const REOPEN_DELAY = 1_000
/**
 * The longest time between two attempts with a device that ends it at once; each waits twice as long as the one before.
 */
const LONGEST_DELAY = 300_000
/** Milliseconds within which an end counts as `at once`. */
const AT_ONCE = 10_000
/** Milliseconds that the link waits for its held session before it is attached without it. */
const FIRST_ANSWER = 5_000
/** Milliseconds that a device gets to take leave. */
const LEAVE_TIMEOUT = 1_000

/** What a client says that will never ask for anything but to take leave (RFC 6241 §8.1, RFC 6242 §4.1). */
const HELLO =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>' +
  '<capability>urn:ietf:params:netconf:base:1.0</capability><capability>urn:ietf:params:netconf:base:1.1</capability>' +
  '</capabilities></hello>]]>]]>'
const CLOSE = '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><close-session/></rpc>'
const BASE_1_1 = 'urn:ietf:params:netconf:base:1.1'
const END_OF_HELLO = ']]>]]>'

/**
 * Keeps one NETCONF session of the bridge's own open on a link, as RFC 8071 §3.1 C8 has the client start one:
 * libnetconf2 (and so netopeer2) takes a connection without a session for dead after ten seconds, hangs up and dials
 * again. It also dials again when the first session of a connection ends, so that one has to be the bridge's. Settles
 * when the device has answered the first time, or did not for a while. Afterwards the session is opened anew whenever
 * it ended, until the link ends or the device has no NETCONF; a device that ends it at once is asked less and less
 * often.
 */
export async function holdSession(link: Link, log: Log): Promise<HeldSession> {
  let state: HeldSessionView['state'] = 'opening'
  let endedAtOnce = 0
  let wanted = true
  let timer: NodeJS.Timeout | undefined
  /** Of the attempt under way. */
  let opening: Promise<void> | undefined
  let current: Held | undefined

  const later = (wait: number): void => {
    timer = setTimeout(() => inBackground('link', open()), wait)
    timer.unref()
  }
  const open = (): Promise<void> => {
    timer = undefined
    opening = tryToOpen().finally(() => {
      opening = undefined
    })
    return opening
  }
  const tryToOpen = async (): Promise<void> => {
    state = 'opening'
    const opened = await link.openChannel({ kind: 'subsystem', name: 'netconf' })
    if (!opened.ok) {
      if (opened.cause === 'link-closed') return
      if (opened.cause === 'request') state = 'refused'
      else missed(opened.message)
      return
    }
    const held = greet(opened.channel)
    current = held
    state = 'open'
    inBackground(
      'link',
      held.channel.closed.then(() => ended(held)),
    )
    if (!wanted) await leave(held, LEAVE_TIMEOUT)
  }
  const leave = (held: Held, stallTimeout: number): Promise<void> => (held.leaving ??= takeLeave(held, stallTimeout))

  const missed = (why: string): void => {
    state = wanted ? 'ended' : 'gave-way'
    if (!wanted) return
    endedAtOnce += 1
    const wait = Math.min(REOPEN_DELAY * 2 ** (endedAtOnce - 1), LONGEST_DELAY)
    log.warn(
      {
        deviceId: link.deviceId,
        times: endedAtOnce,
        retrySeconds: wait / 1000,
        hint:
          'a device without a session may drop the connection; ' +
          'look at its NETCONF server and at how many sessions it allows',
      },
      `the session that the bridge holds for the device is not there: ${why}`,
    )
    later(wait)
  }
  const ended = (held: Held): void => {
    current = undefined
    held.channel.stream.end()
    if (held.channel.linkEnd() !== undefined) return
    const lasted = performance.now() - held.since
    if (!wanted) state = 'gave-way'
    else if (held.leaving === undefined && lasted < AT_ONCE)
      missed(`the device ended it after ${(lasted / 1000).toFixed(1)} s`)
    else {
      state = 'ended'
      endedAtOnce = 0
      later(REOPEN_DELAY)
    }
  }

  await Promise.race([open(), delay(FIRST_ANSWER, undefined, { ref: false })])
  return {
    view: () => ({ state, endedAtOnce }),
    giveWay: async (stallTimeout) => {
      wanted = false
      clearTimeout(timer)
      if (opening !== undefined) await Promise.race([opening, delay(stallTimeout, undefined, { ref: false })])
      const held = current
      if (held === undefined) {
        if (state !== 'opening' && state !== 'refused') state = 'gave-way'
        return false
      }
      await leave(held, stallTimeout)
      return true
    },
    comeBack: () => {
      if (wanted || state === 'refused') return
      wanted = true
      clearTimeout(timer)
      if (opening === undefined && current === undefined) later(REOPEN_DELAY)
    },
  }
}

interface Held {
  readonly channel: DeviceChannel
  /** On the clock of `performance`. */
  readonly since: number
  /** What the device reads requests in; undefined while it has not greeted. */
  readonly framing: () => 'chunked' | 'end-of-message' | undefined
  /** The end of it that the bridge itself has begun. */
  leaving?: Promise<void>
}

/** Says hello, and reads no more of what the device says than how it wants to be spoken to. */
function greet(channel: DeviceChannel): Held {
  const { stream, standardError } = channel
  let framing: ReturnType<Held['framing']>
  let chunks = false
  let tail = ''
  const read = (bytes: Buffer): void => {
    const text = tail + bytes.toString('latin1')
    const end = text.indexOf(END_OF_HELLO)
    chunks ||= text.slice(0, end === -1 ? undefined : end).includes(BASE_1_1)
    // As much as the word that may have been cut in two.
    tail = text.slice(-BASE_1_1.length)
    if (end === -1) return
    framing = chunks ? 'chunked' : 'end-of-message'
    tail = ''
    stream.off('data', read)
    stream.resume()
  }
  stream.on('error', ignored)
  stream.on('data', read)
  standardError.resume()
  stream.write(HELLO)
  return { channel, since: performance.now(), framing: () => framing }
}

const ignored = (): void => undefined

/** Asks the device to end a session (RFC 6241 §7.8), then closes its channel whether it did or not. */
async function takeLeave({ channel, framing }: Held, stallTimeout: number): Promise<void> {
  const agreed = framing()
  if (agreed === 'chunked') channel.stream.write(`\n#${CLOSE.length}\n${CLOSE}\n##\n`)
  else if (agreed === 'end-of-message') channel.stream.write(`${CLOSE}${END_OF_HELLO}`)
  channel.stream.end()
  await Promise.race([channel.closed, delay(Math.min(LEAVE_TIMEOUT, stallTimeout), undefined, { ref: false })])
  channel.close()
  await Promise.race([channel.closed, delay(stallTimeout, undefined, { ref: false })])
}
