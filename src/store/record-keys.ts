import { lowerCase } from './record-line.js'
import type { RecordQuery } from './record-query.js'

/** The keys by which a block is found whose lines tell of these devices and users. Ids that differ in case are one. */
export function blockKeys(devices: Iterable<string>, users: Iterable<string>): readonly string[] {
  return [...new Set([...[...devices].map(deviceKey), ...[...users].map(userKey)])]
}

/** The keys that the blocks of a query have. */
export function wantedKeys({ deviceId, user }: RecordQuery): readonly string[] {
  return [...(deviceId === undefined ? [] : [deviceKey(deviceId)]), ...(user === undefined ? [] : [userKey(user)])]
}

const deviceKey = (deviceId: string): string => `device ${lowerCase(deviceId)}`
const userKey = (user: string): string => `user ${user}`
