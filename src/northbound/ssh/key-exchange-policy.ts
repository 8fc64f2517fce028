import type { Connection } from 'ssh2'
import type { RightEnd } from '../../access/authz/right-end.js'
import { clientRefusal, type ClientRefusalReason } from '../../fleet/refusals/clients.js'
import { rightEnd } from '../../fleet/refusals/session-ends.js'
import type { Refusal } from '../../lib/refusal.js'
import type { ObjectTo } from '../../ssh/ssh2/certificates.js'
import { keyExchangeOf } from '../../ssh/ssh2/connections.js'

/** The least that key exchange with a client has to be. */
export type MinimumKeyExchange = 'classical' | 'post-quantum'

/** What of the clients' key exchange is refused, and whose connection ends when that becomes stricter. */
export interface KeyExchangePolicy {
  /**
   * What speaks against a key exchange. Classical ones are offered all the same: a client that found nothing in common
   * would be told nothing.
   */
  readonly objectTo: (refuse: (refusal: Refusal<ClientRefusalReason>) => void) => ObjectTo
  /** Why a connection may not go on; undefined while it may. */
  readonly ended: (connection: Connection) => RightEnd | undefined
}

export function createKeyExchangePolicy(minimum: () => MinimumKeyExchange): KeyExchangePolicy {
  return {
    objectTo: (refuse) => (agreed) => {
      if (minimum() === 'classical' || agreed.postQuantum) return undefined
      const refusal = clientRefusal('classical-key-exchange', agreed.name)
      refuse(refusal)
      return `homeport: ${refusal.toPeer ?? refusal.message}`
    },
    ended: (connection) => {
      if (minimum() === 'classical') return undefined
      const agreed = keyExchangeOf(connection)
      return agreed?.postQuantum === false ? rightEnd('classical-key-exchange', agreed.name) : undefined
    },
  }
}
