/** A node of the cluster, as the one that answers sees it. */
export interface NodeView {
  readonly id: string
  /** Grows with each start of the node. */
  readonly incarnation: number
  readonly state: 'up' | 'draining'
  /** `address:port` that the other nodes dial. */
  readonly address: string
  readonly version: string
  /** When the database heard of it last. */
  readonly seen: Date
  /** Devices that it has, as far as the node that answers has heard. */
  readonly devices: number
  readonly reached: boolean
  /** Whether it is the node that answers. */
  readonly self: boolean
}
