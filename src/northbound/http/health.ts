/** Why a part of the bridge is not ready. */
export interface Unready {
  /** Such as `store`, `endpoint.ssh`, `bridge`. */
  readonly part: string
  readonly message: string
}

/** How the bridge is, for whoever watches it or sends clients to it. */
export interface Health {
  /** Whether every listener was up once. */
  readonly started: () => boolean
  /** What keeps it from being ready; empty when it is. */
  readonly unready: () => Promise<readonly Unready[]>
  /** Parts that do not work and that are no reason to send devices and clients elsewhere: there it is the same. */
  readonly degraded: () => readonly string[]
}
