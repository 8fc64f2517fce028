import { readFileSync } from 'node:fs'
import { selectsDevice } from '../access/authz/device-selector.js'
import { resolveAlgorithms } from '../ssh/algorithm-sets.js'
import { parsePrivateKey } from '../ssh/private-key.js'
import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'

/** A listener for old clients that the ones it is for cannot use, or that reaches no device. */
export function legacyWarnings(config: Config): readonly ConfigError[] {
  return [...withoutRsaKey(config), ...devicesOfNobody(config)]
}

/** The bridge makes an RSA key for itself where no files are named. */
function withoutRsaKey({ endpoint: { ssh }, algorithmSets }: Config): readonly ConfigError[] {
  const { legacy, hostKeys } = ssh
  if (legacy === undefined || hostKeys.length === 0) return []
  const { hostKeyAlgorithms } = resolveAlgorithms(legacy.algorithms, algorithmSets).lists
  const types = hostKeys.map(typeOfKeyIn)
  // What a file holds that cannot be read is told elsewhere.
  if (!hostKeyAlgorithms.includes('ssh-rsa') || types.includes('ssh-rsa') || types.includes(undefined)) return []
  return [
    {
      path: ['endpoint', 'ssh', 'host-keys'],
      message: 'there is no RSA key among them for `endpoint.ssh.legacy`, and the oldest clients know no other',
      hint: 'add one, as `ssh-keygen -t rsa` makes it',
    },
  ]
}

function typeOfKeyIn(file: string): string | undefined {
  try {
    const parsed = parsePrivateKey(readFileSync(file, 'utf8'))
    return parsed.ok ? parsed.key.type : undefined
  } catch {
    return undefined
  }
}

/** A selector may mean devices that enrol themselves later; where one fits none of many, it is more likely a slip. */
function devicesOfNobody({ endpoint, devices }: Config): readonly ConfigError[] {
  if (devices.length === 0) return []
  const selectors = endpoint.ssh.legacy?.devices ?? []
  return selectors.flatMap((selector, at): readonly ConfigError[] =>
    devices.some((device) => selectsDevice(selector, device))
      ? []
      : [
          {
            path: ['endpoint', 'ssh', 'legacy', 'devices', at],
            message: 'none of the devices in this file is meant by it',
            hint: 'correct it, unless it is for devices that are approved, or get their labels, while the bridge runs',
          },
        ],
  )
}
