import type { Fault } from './fault.js'
import type { Config } from './schema.js'

/** What is allowed and yet hardly meant. */
export function doubtsAbout(config: Config): readonly Fault[] {
  return [
    ...(config.devices.length > 0
      ? []
      : [
          {
            path: [],
            message: 'no devices are configured, so every call-home connection is refused',
            hint: 'add `devices`',
          },
        ]),
    ...(config.users.length > 0
      ? []
      : [{ path: [], message: 'no users are configured, so nobody can log in', hint: 'add `users`' }]),
    ...config.users.flatMap((user, at): readonly Fault[] => [
      ...(user.passwordHash !== undefined || user.authorizedKeys.length > 0
        ? []
        : [
            {
              path: ['users', at],
              message: 'this user can never log in',
              hint: 'add `password-hash` or `authorized-keys`',
            },
          ]),
      ...(user.roles.length > 0
        ? []
        : [{ path: ['users', at], message: 'this user may open no device', hint: 'add `roles`' }]),
    ]),
    ...sharedProof(config, 'secret', (device) => (device.secret === undefined ? [] : [device.secret])),
    ...sharedProof(config, 'host-keys', (device) => device.hostKeys.map((key) => key.blob.toString('base64'))),
  ]
}

/** Who knows the proof of two devices can speak for either; told once for each proof, a fleet may share it on purpose. */
function sharedProof(
  config: Config,
  key: 'secret' | 'host-keys',
  proofsOf: (device: Config['devices'][number]) => readonly string[],
): readonly Fault[] {
  const holders = new Map<string, number[]>()
  config.devices.forEach((device, at) => {
    for (const proof of new Set(proofsOf(device))) holders.set(proof, [...(holders.get(proof) ?? []), at])
  })
  return [...holders.values()].flatMap((indices): readonly Fault[] => {
    const [, second] = indices
    if (second === undefined) return []
    const what = key === 'secret' ? 'the same secret' : 'the same host key'
    return [
      {
        path: ['devices', second, key],
        message: `${what} as another device (${indices.length} share it), so each can pose as the other`,
      },
    ]
  })
}
