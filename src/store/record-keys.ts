import { lowerCase, valueIn } from './record-line.js'
import type { RecordQuery } from './record-query.js'

/** The devices and users that lines tell of, each once, by which their block is found. */
export function blockKeys(lines: readonly string[]): readonly string[] {
  const devices = new Set<string>()
  const users = new Set<string>()
  for (const line of lines) {
    const deviceId = valueIn(line, 'deviceId')
    const user = valueIn(line, 'user')
    if (deviceId !== undefined) devices.add(deviceId)
    if (user !== undefined) users.add(user)
  }
  return [...new Set([...[...devices].map(deviceKey), ...[...users].map(userKey)])]
}

/** The keys that the blocks of a query have. */
export function wantedKeys({ deviceId, user }: RecordQuery): readonly string[] {
  return [...(deviceId === undefined ? [] : [deviceKey(deviceId)]), ...(user === undefined ? [] : [userKey(user)])]
}

const deviceKey = (deviceId: string): string => `device ${lowerCase(deviceId)}`
const userKey = (user: string): string => `user ${user}`
