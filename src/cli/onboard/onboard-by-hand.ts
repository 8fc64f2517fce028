import type { Onboarding, Step } from './onboarding.js'
import { configString, plainName, yamlString } from '../quoting.js'

/** What to write into the configuration when no bridge runs that could be told. */
export function byHandSteps({ deviceId, secret }: Onboarding, credentials: string): readonly Step[] {
  const variable = `DEVICE_${plainName(deviceId)
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')}_SECRET`
  const device = [
    'devices:',
    `  - id: ${configString(deviceId)}`,
    secret === undefined
      ? '    host-keys: ["PUT IN THE LINE OF THE HOST KEY OF THE DEVICE, ssh-ed25519 AAAA…"]'
      : `    secret: \${${variable}}`,
    `    credentials: ${yamlString(credentials)}`,
  ].join('\n')
  return [
    { title: 'No bridge took the device. In the configuration of the bridge', text: device },
    ...(secret === undefined
      ? []
      : [{ title: 'In .env beside it, which only the user of the bridge may read', text: `${variable}=${secret}` }]),
  ]
}
