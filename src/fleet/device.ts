import type { DeviceEndpoint } from './endpoints/device-endpoint.js'

/** A device as the configuration knows it. */
export interface Device {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly maxSessions: number
  /** Whether the file says so of this very device. */
  readonly ownMaxSessions?: boolean
  /** How many links it may have at a time, which are a pool of sessions then; one when absent. */
  readonly maxConnections?: number
  /** The names of the credentials that its links log in with, where the configuration says which. */
  readonly accounts?: readonly string[]
  /** Channels that are kept ready on each link of it for the next clients; none by default. */
  readonly spareChannels?: number
  /** Calls from time to time, and is let go when its work is done. */
  readonly periodic?: boolean
  /** Further names of it. */
  readonly aliases?: readonly string[]
  /** What the configuration fixes for it. */
  readonly endpoint?: DeviceEndpoint
}
