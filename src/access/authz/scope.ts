/**
 * What a caller of the HTTP API may ask for; every route needs one of these, and none includes another.
 * `read`: devices, sessions, events, metrics. `rpc`: operations on devices, as far as the roles allow.
 * `admin`: who is in the fleet and who may ask: enrolment, ending others' sessions, tokens, the audit log.
 */
export const SCOPES = ['read', 'rpc', 'admin'] as const

export type Scope = (typeof SCOPES)[number]
