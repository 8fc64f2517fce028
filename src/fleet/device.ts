import type { DeviceEndpoint } from './endpoints/device-endpoint.js'

/** A device as the configuration knows it. */
export interface Device {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly maxSessions: number
  /** Whether the file says so of this very device. */
  readonly ownMaxSessions?: boolean
  /** Channels that are kept ready on its link for the next clients; none by default. */
  readonly spareChannels?: number
  /** Calls from time to time, and is let go when its work is done. */
  readonly periodic?: boolean
  /** Further names of it. */
  readonly aliases?: readonly string[]
  /** What the configuration fixes for it. */
  readonly endpoint?: DeviceEndpoint
}
