import { Duplex, PassThrough } from 'node:stream'
import type { FleetEvents, FleetListeners } from '../../../src/fleet/events.js'
import type { Fleet, SessionOpening } from '../../../src/fleet/fleet.js'
import type { SessionRequest } from '../../../src/fleet/session-request.js'

/**
 * A fleet as it is seen from another node: each question and each answer takes its time, and what comes is a copy.
 * Answers are what `structuredClone` takes, events what JSON gives back. What belongs to one session comes in one
 * order.
 * @param way settles when something has come over
 */
export function fleetElsewhere(fleet: Fleet, way: () => Promise<unknown>): Fleet {
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    await way()
    const answer = structuredClone(await question())
    await way()
    return answer
  }
  /** Aborted a while after the given one. */
  const laterAborted = (signal: AbortSignal): AbortSignal => {
    const later = new AbortController()
    const abort = (): void => void way().then(() => later.abort())
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    return later.signal
  }
  const openSession = async (asked: SessionRequest, signal?: AbortSignal): Promise<SessionOpening> => {
    await way()
    const copy = structuredClone(asked)
    const opening = await fleet.openSession(copy, signal === undefined ? undefined : laterAborted(signal))
    await way()
    if (!opening.ok) return structuredClone(opening)
    return sessionElsewhere(opening, way)
  }
  return {
    device: (id) => ask(() => fleet.device(id)),
    devices: () => ask(() => fleet.devices()),
    openSession,
    whenAttached: (deviceId, wait, signal) =>
      ask(() => fleet.whenAttached(deviceId, wait, signal === undefined ? undefined : laterAborted(signal))),
    sessions: () => ask(() => fleet.sessions()),
    endSession: (id, by) => ask(() => fleet.endSession(id, by)),
    disconnect: (deviceId, by, link) => ask(() => fleet.disconnect(deviceId, by, link)),
    counts: () => ask(() => fleet.counts()),
    subscribe: (listeners) => listenElsewhere(fleet, listeners, way),
  }
}

/** The channel and the handle of a session, each of which learns everything a while later. */
function sessionElsewhere(
  { channel, session }: Extract<SessionOpening, { readonly ok: true }>,
  way: () => Promise<unknown>,
): SessionOpening {
  const inOrder = oneByOne(way)
  const stream = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => void way().then(() => channel.stream.write(bytes, () => done())),
    final: (done) => void way().then(() => channel.stream.end(() => done())),
    destroy: (error, done) => {
      channel.stream.destroy()
      done(error)
    },
  })
  const standardError = new PassThrough()
  channel.stream.on('error', () => undefined)
  channel.stream.on('data', (bytes: Buffer) => void inOrder(() => stream.push(bytes)))
  channel.stream.once('close', () => void inOrder(() => stream.push(null)))
  channel.standardError.on('data', (bytes: Buffer) => void inOrder(() => standardError.write(bytes)))
  channel.standardError.once('end', () => void inOrder(() => standardError.end()))
  return {
    ok: true,
    channel: { ...channel, stream, standardError, closed: channel.closed.then((exit) => inOrder(() => exit)) },
    session: { ...session, killed: session.killed.then((by) => inOrder(() => by)) },
  }
}

/** Does one thing after the other, each when it has come over. */
function oneByOne(way: () => Promise<unknown>): <T>(arrive: () => T) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (arrive) => {
    const underWay = way()
    const arrived = last.then(() => underWay).then(arrive)
    last = arrived
    return arrived
  }
}

function listenElsewhere(fleet: Fleet, listeners: FleetListeners, way: () => Promise<unknown>): () => void {
  let listening = true
  const inOrder = oneByOne(way)
  const forward = (type: keyof FleetEvents): FleetListeners => ({
    [type]: (event: object) => {
      const line = JSON.stringify(event)
      void inOrder(() => {
        if (listening) (listeners[type] as ((event: object) => void) | undefined)?.(JSON.parse(line) as object)
      })
    },
  })
  const types = Object.keys(listeners) as (keyof FleetEvents)[]
  const stop = fleet.subscribe(Object.assign({}, ...types.map(forward)) as FleetListeners)
  return () => {
    listening = false
    stop()
  }
}

/** Nothing takes any time: a turn of the event loop. */
export const aTurnLater = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))

export const later = (milliseconds: number) => (): Promise<unknown> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))
