import { reasonsOf, type RefusalEntries } from '../../lib/refusal.js'
import { CALL_HOME_REFUSALS } from './call-home.js'
import { CLIENT_REFUSALS, HTTP_CLIENT_REFUSALS, JUMP_REFUSALS } from './clients.js'
import { LINK_ENDS } from './link-ends.js'
import { LOGIN_REFUSALS } from './logins.js'
import { RIGHT_ENDS, VIOLATIONS } from './session-ends.js'
import { SESSION_REFUSALS } from './sessions.js'

/**
 * Every reason why a call-home connection, a link, a session, a client or a login is refused or ended, by what it
 * happens to. Types, texts and the labels of metrics are derived from its parts, and docs/troubleshooting.md has a
 * table for each, to which a test holds it. The words are stable: people search for them, and alert on them.
 */
export const REFUSALS = {
  callHome: CALL_HOME_REFUSALS,
  linkEnds: LINK_ENDS,
  sessions: SESSION_REFUSALS,
  sessionEnds: { ...RIGHT_ENDS, ...VIOLATIONS },
  clients: CLIENT_REFUSALS,
  httpClients: HTTP_CLIENT_REFUSALS,
  jumps: JUMP_REFUSALS,
  logins: LOGIN_REFUSALS,
} as const satisfies Readonly<Record<string, RefusalEntries>>

/** The reasons that each counter has as values of its label `reason`. */
export const COUNTED_REASONS = {
  /** Of `homeport_call_home_refusals_total`. */
  callHome: reasonsOf(CALL_HOME_REFUSALS),
  /** Of `homeport_links_ended_total`. */
  linkEnds: reasonsOf(LINK_ENDS),
  /** Of `homeport_sessions_refused_total`. */
  sessions: reasonsOf(SESSION_REFUSALS),
  /** Of `homeport_login_refusals_total`. */
  logins: reasonsOf({ ...CLIENT_REFUSALS, ...HTTP_CLIENT_REFUSALS, ...JUMP_REFUSALS, ...LOGIN_REFUSALS }),
} as const
