import { inBackground } from '../../lib/background.js'

/** Gives devices their turns: so many at once, and none of them two. */
export interface JobTurns {
  /** Something is to be done for a device. Its turn comes when there is room, and the one under way is over. */
  readonly want: (deviceId: string) => void
  readonly isBusy: (deviceId: string) => boolean
  /** Begins no further turn. */
  readonly close: () => void
}

/** Devices whose jobs run at once; those of one device run one after the other. */
const MAX_BUSY = 16

/** @param run does what is to be done for a device */
export function createJobTurns(run: (deviceId: string) => Promise<void>): JobTurns {
  const busy = new Set<string>()
  const ready = new Set<string>()
  let closed = false

  const take = async (deviceId: string): Promise<void> => {
    busy.add(deviceId)
    try {
      await run(deviceId)
    } finally {
      busy.delete(deviceId)
      startReady()
    }
  }
  const startReady = (): void => {
    for (const deviceId of ready) {
      if (closed || busy.size >= MAX_BUSY) return
      // Its turn comes when the job that runs is over: that one may have failed to reach the device that has just come
      // back.
      if (busy.has(deviceId)) continue
      ready.delete(deviceId)
      inBackground('jobs', take(deviceId))
    }
  }

  return {
    want: (deviceId) => {
      ready.add(deviceId)
      startReady()
    },
    isBusy: (deviceId) => busy.has(deviceId),
    close: () => {
      closed = true
    },
  }
}
