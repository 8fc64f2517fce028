/** How a held session is at the moment. */
export interface HeldSessionView {
  /**
   * `gave-way`: a client has its place; `ended`: the device ended it, and it is opened again later; `refused`: the
   * device has no NETCONF.
   */
  readonly state: 'opening' | 'open' | 'gave-way' | 'ended' | 'refused'
  /** How often in a row the device has ended it at once. */
  readonly endedAtOnce: number
}

/**
 * The NETCONF session that the bridge keeps open for itself on a link whose device may drop a connection without one
 * (RFC 8071 §3.1 C8). It takes one of the device's sessions, so it gives way to a client that needs that one.
 */
export interface HeldSession {
  readonly view: () => HeldSessionView
  /**
   * Ends it, and opens it no more until `comeBack`.
   * @param stallTimeout milliseconds to wait for its end
   * @returns whether there was one to end: its place is a client's then
   */
  readonly giveWay: (stallTimeout: number) => Promise<boolean>
  /** Opens it again in a moment, unless it has to give way before. */
  readonly comeBack: () => void
}
