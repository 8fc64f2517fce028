/** The port and the address that a device was given of its own: no other device gets them while it has them. */
export interface EndpointLease {
  readonly deviceId: string
  readonly port?: number
  /** In the form in which a socket tells it. */
  readonly address?: string
}
