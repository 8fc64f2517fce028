/**
 * Who somebody is. A name alone names nobody: an identity provider may know an `admin`, and the configuration another
 * one. What somebody owns (jobs, sessions, kept answers) is theirs by both.
 */
export interface Principal {
  readonly realm: Realm
  readonly name: string
}

/**
 * Who vouches for a name: the Unix socket in data-dir (`operator`), the configuration with its users file and tokens
 * (`local`), the authentication hook (`hook`), or an issuer of JWTs, by its URL.
 */
export type Realm = 'operator' | 'local' | 'hook' | `issuer ${string}`

export function samePrincipal(one: Principal, other: Principal): boolean {
  return one.realm === other.realm && one.name === other.name
}

/** A text that is the same for the same principal alone, to count and to look up by. */
export function principalKey({ realm, name }: Principal): string {
  return JSON.stringify([realm, name])
}

/** The realm of an issuer of JWTs. */
export function realmOfIssuer(issuer: string): Realm {
  return `issuer ${issuer}`
}
