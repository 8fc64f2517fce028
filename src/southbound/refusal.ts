/** Why a call-home connection ended before it became a link, for the operator and for metrics. */
export interface Refusal {
  /** A stable word. */
  readonly reason: string
  readonly message: string
  readonly hint: string
  readonly deviceId?: string
}
