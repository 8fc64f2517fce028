/** The capabilities of RFC 6241 §8, RFC 5277, RFC 6022 and RFC 8526 by the names they are spoken of. */
export const CAPABILITY = {
  base10: 'urn:ietf:params:netconf:base:1.0',
  base11: 'urn:ietf:params:netconf:base:1.1',
  candidate: 'urn:ietf:params:netconf:capability:candidate:1.0',
  confirmedCommit10: 'urn:ietf:params:netconf:capability:confirmed-commit:1.0',
  confirmedCommit11: 'urn:ietf:params:netconf:capability:confirmed-commit:1.1',
  interleave: 'urn:ietf:params:netconf:capability:interleave:1.0',
  notification: 'urn:ietf:params:netconf:capability:notification:1.0',
  rollbackOnError: 'urn:ietf:params:netconf:capability:rollback-on-error:1.0',
  startup: 'urn:ietf:params:netconf:capability:startup:1.0',
  validate10: 'urn:ietf:params:netconf:capability:validate:1.0',
  validate11: 'urn:ietf:params:netconf:capability:validate:1.1',
  writableRunning: 'urn:ietf:params:netconf:capability:writable-running:1.0',
  yangLibrary11: 'urn:ietf:params:netconf:capability:yang-library:1.1',
  xpath: 'urn:ietf:params:netconf:capability:xpath:1.0',
} as const

const STANDARD = 'urn:ietf:params:netconf:'
const JUNOS_SPELLING = 'urn:ietf:params:xml:ns:netconf:'

/**
 * A capability in the standard's spelling without its parameters; Junos says `urn:ietf:params:xml:ns:netconf:…` too.
 */
export function canonicalCapability(uri: string): string {
  const bare = uri.trim().split('?', 1)[0] ?? ''
  return bare.startsWith(JUNOS_SPELLING) ? STANDARD + bare.slice(JUNOS_SPELLING.length) : bare
}

/** The second spelling that Junos announces beside the standard's, undefined where it has none. */
export function junosSpelling(uri: string): string | undefined {
  return uri.startsWith(STANDARD) ? JUNOS_SPELLING + uri.slice(STANDARD.length) : undefined
}

/** Whether a peer announced a capability, in either spelling, with or without parameters. */
export function hasCapability(announced: readonly string[], wanted: string): boolean {
  const canonical = canonicalCapability(wanted)
  return announced.some((uri) => canonicalCapability(uri) === canonical)
}

/**
 * What a server must have announced before an operation is sent to it: one of several capabilities or namespaces of
 * modules.
 */
export interface Need {
  /** What a person calls it: `:confirmed-commit:1.1`, `the module ietf-netconf-nmda`. */
  readonly name: string
  readonly anyOf: readonly string[]
}

/** Whether a peer announced what an operation needs. */
export function meetsNeed(announced: readonly string[], { anyOf }: Need): boolean {
  return anyOf.some((wanted) => hasCapability(announced, wanted))
}
