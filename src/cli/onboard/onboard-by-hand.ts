import type { Onboarding, Step } from './onboarding.js'
import { configString, yamlString } from '../quoting.js'
import { secretVariable } from './onboard-secret.js'

/** What to write into the configuration when no bridge runs that could be told. */
export function byHandSteps({ deviceId, secret, configuration }: Onboarding): readonly Step[] {
  const variable = secretVariable(deviceId)
  const device = [
    'devices:',
    `  - id: ${configString(deviceId)}`,
    secret === undefined
      ? '    host-keys: ["PUT IN THE LINE OF THE HOST KEY OF THE DEVICE, ssh-ed25519 AAAA…"]'
      : `    secret: \${${variable}}`,
    `    credentials: ${yamlString(configuration.credentials)}`,
  ].join('\n')
  return [
    {
      title: `No bridge took the device. In ${configuration.file}, or start the bridge and run this again`,
      text: device,
    },
    ...(secret === undefined
      ? []
      : [{ title: 'In .env beside it, which only the user of the bridge may read', text: `${variable}=${secret}` }]),
  ]
}
