import { shellWord } from '../../lib/shell-word.js'
import type { DeviceAdded } from '../operator/add-device.js'
import { plainName } from '../quoting.js'
import { loginInWords } from './onboard-bridge.js'
import type { NmsStanzas } from './onboard-nms.js'
import type { SecretOrigin } from './onboard-secret.js'
import type { Onboarding, Step } from './onboarding.js'

/** All that `onboard` has to say of a device. */
export interface Printed {
  readonly onboarding: Onboarding
  readonly vendor: string
  readonly steps: readonly Step[]
  readonly nms: NmsStanzas
  readonly added: DeviceAdded
  /** How the device stood when the command began. */
  readonly standing:
    | { readonly kind: 'configured'; readonly file: string; readonly isProven: boolean }
    | { readonly kind: 'known' | 'new' }
  readonly secretFrom: SecretOrigin | undefined
}

/** What a person reads: each step below a comment that says where it belongs. */
export function asText(printed: Printed): string {
  const { onboarding, steps, nms, added } = printed
  const { host, endpointPort } = onboarding.bridge
  const known =
    nms.knownHosts.length > 0
      ? nms.knownHosts.join('\n')
      : `ssh-keyscan -p ${endpointPort} ${shellWord(host)}    ` +
        '# once the bridge has made its host keys; compare with its log'
  const sections: readonly Step[] = [
    ...steps,
    { title: 'For the NMS, known_hosts', text: known },
    { title: 'ssh_config', text: nms.sshConfig },
    { title: 'ncclient', text: nms.ncclient },
    { title: 'PyEZ', text: nms.pyez },
    { title: 'Ansible inventory', text: nms.ansible },
  ]
  const text = sections.map(({ title, text }) => `${comment(title)}\n\n${text}\n\n`).join('')
  const last = added.ok ? [loginInWords(onboarding), whatNext(printed)] : []
  return `${text}${last.map((line) => `${comment(line)}\n`).join('')}`
}

/** The same for a program. */
export function asJson({ onboarding, vendor, steps, nms, added, secretFrom }: Printed): object {
  const { deviceId, secret } = onboarding
  const bridge = added.ok ? { added: true } : { added: false, message: added.message, hint: added.hint }
  // oxlint-disable-next-line unicorn/no-null -- it is printed as JSON
  const none = null
  return {
    deviceId,
    name: plainName(deviceId),
    vendor,
    secret: secret ?? none,
    secretFrom: secretFrom ?? none,
    steps,
    nms,
    bridge,
  }
}

function whatNext({ onboarding, standing, secretFrom }: Printed): string {
  const { deviceId, secret } = onboarding
  if (standing.kind === 'configured') {
    const decides = `${deviceId} is in ${standing.file}, which decides for it`
    if (secretFrom === 'configuration') return `${decides}; its secret is from there`
    if (secretFrom === 'bridge') return `${decides}; its secret is the one that the bridge was given before`
    return standing.isProven ? decides : `${decides}, and has no secret and no host key of it there: ${PENDS}`
  }
  if (standing.kind === 'known')
    return secret === undefined
      ? `The bridge knows ${deviceId} already, by its host key`
      : `The bridge knows ${deviceId} already; the secret is the one that it was given before`
  if (secret === undefined) return `The bridge knows ${deviceId} now. ${PENDS}`
  const from = { kept: ', the one of an earlier run', environment: ', the one of the environment' } as const
  const which = secretFrom === 'kept' || secretFrom === 'environment' ? from[secretFrom] : ''
  return `The bridge knows ${deviceId} now: it attaches as soon as it dials in with this secret${which}`
}

const PENDS =
  'It waits as pending until its host key is approved, ' +
  'unless it shows a host certificate for that name: homeport devices list'

function comment(text: string): string {
  return `# ${text}`
}
