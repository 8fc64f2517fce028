import { setDefaultHighWaterMark } from 'node:stream'

/** Bytes that a stream holds before its writer waits, where nobody says otherwise. */
const HIGH_WATER_MARK = 16 * 1024

/** Bytes of the blocks that small buffers are cut from: one that lives long keeps its whole block alive. */
const POOL_SIZE = 8 * 1024

/**
 * Holds Node to the sizes by which the bridge's memory was measured. Node 22 made streams four times as large, Node 24
 * the blocks eight times.
 */
export function useMeasuredSizes(): void {
  setDefaultHighWaterMark(false, HIGH_WATER_MARK)
  Buffer.poolSize = POOL_SIZE
}
