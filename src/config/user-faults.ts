import type { ConfigError } from './config-error.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { unknownName } from './name-faults.js'
import { listAt, textAt } from './yaml/raw-shape.js'

/** What the names stand for that users refer to. */
export interface NamesForUsers {
  readonly roles: readonly string[]
  readonly deviceIds: readonly string[]
  /** The file that defines them, for a hint. */
  readonly definedIn?: string
}

/** Roles and devices of users that do not exist. */
export function userFaults(tree: LocatedTree, { roles, deviceIds, definedIn }: NamesForUsers): readonly ConfigError[] {
  return listAt(tree.value, 'users').flatMap((item, at) => {
    const device = textAt(item, 'device')
    return [
      ...listAt(item, 'roles').flatMap((name, index): readonly ConfigError[] =>
        typeof name !== 'string' || roles.includes(name)
          ? []
          : [unknownName(tree, { path: ['users', at, 'roles', index], what: 'role', name, known: roles, definedIn })],
      ),
      ...(device === undefined || deviceIds.includes(device)
        ? []
        : [
            unknownName(tree, {
              path: ['users', at, 'device'],
              what: 'device',
              name: device,
              known: deviceIds,
              definedIn,
            }),
          ]),
    ]
  })
}
