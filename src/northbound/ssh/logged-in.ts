import type { Connection } from 'ssh2'
import { keyExchangeOf } from '../../ssh/ssh2/connections.js'
import type { KeyExchangeCounts } from '../../telemetry/metrics.js'

/** The connections of clients that have logged in, until they close. */
export interface LoggedIn {
  readonly add: (connection: Connection) => void
  /** By what their last key exchange was. */
  readonly keyExchanges: () => KeyExchangeCounts
}

export function createLoggedIn(): LoggedIn {
  const connections = new Set<Connection>()
  return {
    add: (connection) => {
      connections.add(connection)
      connection.once('close', () => connections.delete(connection))
    },
    keyExchanges: () => {
      const counts = { 'post-quantum': 0, classical: 0 }
      for (const connection of connections)
        counts[keyExchangeOf(connection)?.postQuantum === true ? 'post-quantum' : 'classical'] += 1
      return counts
    },
  }
}
