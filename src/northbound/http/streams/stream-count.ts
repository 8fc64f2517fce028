import type { FairShare } from '../../../net/fair-share.js'

/** How many event streams are open. */
export interface StreamCount {
  open: number
  /** Whose they are. */
  shares?: FairShare
}
