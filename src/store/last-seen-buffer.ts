import { type Enrolment, newestAddresses, type Seen, type LastSeen, withLastSeen } from './enrolment.js'

/** Devices that were seen, not yet written: each device once an interval at most, all of an interval together. */
export interface LastSeenBuffer {
  readonly note: (deviceId: string, lastSeen: LastSeen) => void
  readonly waitsFor: (deviceId: string) => boolean
  /** An enrolment as it is with what waits to be written of its device. */
  readonly apply: (enrolment: Enrolment) => Enrolment
  /** What waits of a device. */
  readonly of: (deviceId: string) => Seen | undefined
  /**
   * To be called when those of a device are written, or are of no use any more.
   * @param written what `of` gave, where more may have come meanwhile: then that goes on waiting
   */
  readonly drop: (deviceId: string, written?: Seen) => void
  /** Writes all that wait, and stops. Throws what writing throws. */
  readonly stop: () => void
}

export interface LastSeenBufferOptions {
  /** Milliseconds from when a device was first seen until that is written. */
  readonly interval: number
  /**
   * Writes when some devices were last seen, all together, and drops each; or throws, and they wait for the next
   * interval. Where it takes its time, what it has not dropped waits for the next interval, too.
   */
  readonly write: (deviceIds: readonly string[]) => void
  /** Told when writing by interval threw. */
  readonly onError: (error: unknown) => void
}

// One transaction of so many takes some milliseconds; the event loop turns in between.
const BATCH = 50

/** Collects when devices were last seen, and has that written by interval. */
export function createLastSeenBuffer({ interval, write, onError }: LastSeenBufferOptions): LastSeenBuffer {
  const waiting = new Map<string, Required<Seen>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const schedule = (): void => {
    if (timer !== undefined || stopped || waiting.size === 0) return
    timer = setTimeout(() => writeFrom([...waiting.keys()]), interval)
    // Closing writes them; they alone shall not keep a process alive.
    timer.unref()
  }
  const writeFrom = (due: readonly string[]): void => {
    if (stopped) return
    const batch = due.slice(0, BATCH).filter((deviceId) => waiting.has(deviceId))
    try {
      if (batch.length > 0) write(batch)
    } catch (error) {
      onError(error)
      timer = undefined
      return schedule()
    }
    if (due.length > BATCH) return void setImmediate(() => writeFrom(due.slice(BATCH)))
    timer = undefined
    schedule()
  }

  return {
    note: (deviceId, lastSeen) => {
      waiting.set(deviceId, withLastSeen<Seen>(waiting.get(deviceId) ?? { addresses: [] }, lastSeen))
      schedule()
    },
    waitsFor: (deviceId) => waiting.has(deviceId),
    apply: (enrolment) => {
      const seen = waiting.get(enrolment.deviceId)
      return seen === undefined ? enrolment : withSeen(enrolment, seen)
    },
    of: (deviceId) => waiting.get(deviceId),
    drop: (deviceId, written = waiting.get(deviceId)) => {
      if (waiting.get(deviceId) === written) waiting.delete(deviceId)
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
      if (waiting.size > 0) write([...waiting.keys()])
    },
  }
}

function withSeen(enrolment: Enrolment, { firstSeen, lastSeen, addresses }: Required<Seen>): Enrolment {
  return {
    ...enrolment,
    firstSeen: enrolment.firstSeen ?? firstSeen,
    lastSeen,
    addresses: newestAddresses([...addresses, ...enrolment.addresses]),
  }
}
