import { lowerCase } from './audit-line.js'
import type { AuditQuery } from '../audit-query.js'

/**
 * The keys by which a block is found whose lines tell of these devices and users, each with how many lines a user has.
 * Those of devices are not counted. Ids that differ in case are one.
 */
export function blockKeys(
  devices: Iterable<string>,
  users: ReadonlyMap<string, number>,
): readonly (readonly [key: string, lines: number])[] {
  const ofDevices = new Set([...devices].map(deviceKey))
  return [
    ...[...ofDevices].map((key) => [key, 0] as const),
    ...[...users].map(([user, lines]) => [userKey(user), lines] as const),
  ]
}

/** Between these are the keys of users. */
export const USER_KEYS = { first: 'user ', end: 'user!' }

/** The keys that the blocks of a query have. */
export function wantedKeys({ deviceId, user }: AuditQuery): readonly string[] {
  return [...(deviceId === undefined ? [] : [deviceKey(deviceId)]), ...(user === undefined ? [] : [userKey(user)])]
}

const deviceKey = (deviceId: string): string => `device ${lowerCase(deviceId)}`
export const userKey = (user: string): string => `user ${user}`
