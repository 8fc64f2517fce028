import { nearestName } from '../../../lib/nearest-name.js'
import { selectsDevice } from '../../../access/authz/device-selector.js'
import { DEVICE_CERTIFICATE_HINT, deviceCertificateInWords } from '../../../app/device-certificates.js'
import type { Config, CredentialsConfig } from '../../../config/schema.js'
import { ago } from '../../../fleet/ago.js'
import { homeportCommand } from '../../../lib/shell-word.js'
import { strangerText } from '../../../lib/stranger-text.js'
import type { DeviceView } from '../../../northbound/http/routes/devices/device.js'
import { problemSchema } from '../../../northbound/http/problem.js'
import { parsedJson } from '../../operator/parsed-json.js'
import { askBridge, devicePath } from '../../operator/bridge-client.js'
import { counted } from '../../../lib/counted.js'
import { failed, type Finding, notChecked, ok, warning } from '../finding.js'
import { type Patient, usableConfig } from '../patient.js'
import type { Check } from '../run-checks.js'
import { pending, refused } from './devices.js'

/** Everything about one device: who it is, its link, who may reach it and where, and whether it answers now. */
export function checksOfDevice(id: string): readonly Check[] {
  const about =
    (look: (device: DeviceView, patient: Patient) => readonly Finding[] | Promise<readonly Finding[]>) =>
    (patient: Patient) => {
      const device = deviceIn(patient, id)
      return device === undefined ? [notChecked('it is not known')] : look(device, patient)
    }
  return [
    { name: 'known', run: (patient) => checkKnown(patient, id) },
    { name: 'link', run: about(checkLink) },
    { name: 'login', run: about(checkLogin) },
    { name: 'users', run: about(checkUsers) },
    { name: 'address', run: about(checkAddress) },
    { name: 'answer', run: about(checkAnswer) },
  ]
}

function devicesOf({ bridge }: Patient): readonly DeviceView[] | undefined {
  return bridge.answers ? bridge.devices : undefined
}

function deviceIn(patient: Patient, id: string): DeviceView | undefined {
  return devicesOf(patient)?.find((device) => device.id.toLowerCase() === id.toLowerCase())
}

/** Is it configured or enrolled, and as what? */
function checkKnown(patient: Patient, id: string): readonly Finding[] {
  const devices = devicesOf(patient)
  const configured = usableConfig(patient)?.devices.map((device) => device.id) ?? []
  if (devices === undefined) {
    const inFile = configured.some((known) => known.toLowerCase() === id.toLowerCase())
    const what = inFile ? 'it is in the configuration' : 'it is not in the configuration'
    return [notChecked(`no bridge says whether it knows it; ${what}`)]
  }
  const device = deviceIn(patient, id)
  if (device === undefined) {
    const near = nearestName(id, [...devices.map((known) => known.id), ...configured])
    const meant = near === undefined ? '' : `; did you mean ${near}?`
    const hint = `it is neither configured, nor approved, nor did it ever call: ${homeportCommand('onboard', id)}`
    return [failed(`no device ${JSON.stringify(id)} is known${strangerText(meant)}`, hint)]
  }
  const { standing, pins, hasSecret } = device
  if (standing === 'rejected')
    return [
      failed(
        'its enrolment is rejected: every call is refused',
        homeportCommand(`devices forget${patient.sameBridge}`, device.id),
      ),
    ]
  if (standing === 'pending') return [pending(device, patient.sameBridge)]
  const proofs = [...(hasSecret ? ['a secret'] : []), ...(pins.length > 0 ? [counted(pins.length, 'host key')] : [])]
  return [ok(`it is ${standing}, bound to ${proofs.length === 0 ? 'what trust says' : proofs.join(' and ')}`)]
}

/** Is it here, and was it refused? */
function checkLink(device: DeviceView, { now }: Patient): readonly Finding[] {
  const { link, links, linkState, lastSeen, contest } = device
  const since = (time: string): string => ago(now.getTime() - Date.parse(time))
  const twins =
    contest === null
      ? []
      : [
          warning(
            `two devices call with this identity, from ${strangerText(contest.sources.join(' and '))}`,
            'one of them has a copied id and key: change it; or one device calls twice: raise max-connections',
          ),
        ]
  if (link !== null) {
    return [
      ...links.flatMap(({ source, provenBy, certificateValidUntil, attachedAt, sessions, mostSessions }) => {
        const inUse = `${sessions} of ${counted(mostSessions, 'session')}`
        const ends = certificateValidUntil === null ? undefined : deviceCertificateInWords(certificateValidUntil, now)
        return [
          ok(`attached ${since(attachedAt)} from ${source}, proven by ${provenBy}, ${inUse}`),
          ...(ends === undefined ? [] : [warning(`its host certificate ${ends}`, DEVICE_CERTIFICATE_HINT)]),
        ]
      }),
      ...twins,
    ]
  }
  if (linkState.state === 'refused') return [refused(device, now), ...twins]
  if (linkState.state === 'pending') return [notChecked('it waits for a decision'), ...twins]
  const hint = 'on the device: can it reach the call-home port of the bridge, and is call home configured?'
  if (lastSeen === null) return [failed('it has never called', hint), ...twins]
  const why = linkState.message === null ? '' : `: ${strangerText(linkState.message)}`
  return [failed(`it is away, last seen ${since(lastSeen)}${why}`, hint), ...twins]
}

/** With what does the bridge log in to it? */
function checkLogin({ id, link }: DeviceView, patient: Patient): readonly Finding[] {
  if (link !== null)
    return [ok(`the bridge logged in by ${link.loggedInBy.join(', then ') || 'what it does not tell'}`)]
  const config = usableConfig(patient)
  if (config === undefined) return [notChecked('it has no link, and no configuration can be read')]
  const names = config.devices.find((device) => device.id === id)?.credentials ?? ['default']
  return names.map((name) => checkProfile(name, config.credentials.get(name)))
}

function checkProfile(name: string, profile: CredentialsConfig | undefined): Finding {
  if (profile === undefined) return failed(`credentials.${name} is not there`, 'add it to the configuration and reload')
  const { password, privateKey, certificate, agent, userCa } = profile
  const ways = [
    [certificate ?? userCa, 'certificate'],
    [privateKey ?? agent, 'key'],
    [password, 'password'],
  ].flatMap(([given, way]) => (given === undefined || given === '' ? [] : [way]))
  return ok(`the bridge would log in as ${profile.username} by ${ways.join(', ') || 'nothing'} (credentials.${name})`)
}

/** Who may reach it? */
function checkUsers({ id, labels }: DeviceView, patient: Patient): readonly Finding[] {
  const config = usableConfig(patient)
  if (config === undefined) return [notChecked('no configuration that can be read says who may reach it')]
  const names = usersOf(config, { id, labels })
  if (names.length > 0)
    return [ok(`${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`)]
  const elsewhere = config.authenticationHook !== undefined || config.endpoint.http.oidc !== undefined
  return elsewhere
    ? [notChecked('no user of the configuration; those whom a hook or an issuer names may')]
    : [warning('no user may reach it', 'give a user a role whose `devices` selects it')]
}

function usersOf({ users, roles }: Config, device: Pick<DeviceView, 'id' | 'labels'>): readonly string[] {
  const mayReach = (role: string): boolean =>
    roles.get(role)?.devices.some((selector) => selectsDevice(selector, device)) ?? false
  return users.filter((user) => user.roles.some(mayReach)).map(({ name }) => name)
}

/** Where do clients reach it? */
function checkAddress({ id, endpoint }: DeviceView, { bridge }: Patient): readonly Finding[] {
  const own = [
    endpoint?.address === undefined || endpoint.address === null ? '' : `address ${endpoint.address}`,
    endpoint?.port === undefined || endpoint.port === null ? '' : `port ${endpoint.port}`,
  ].filter((part) => part !== '')
  const shared = bridge.answers ? (bridge.facts?.addresses?.endpoint ?? '') : ''
  const port = /:(\d+)$/.exec(shared)?.[1]
  const common = `USER@${strangerText(id)}${port === undefined ? '' : ` on port ${port}`}`
  return [ok(own.length === 0 ? common : `${common}, and by itself on ${own.join(', ')}`)]
}

/** A filter that the smallest of devices answers at once. */
const FEW_WORDS =
  '<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><capabilities/></netconf-state>'

/** Does it answer a request through the bridge, and how fast? */
async function checkAnswer({ id, link }: DeviceView, { location }: Patient): Promise<readonly Finding[]> {
  if (link === null || location === undefined) return [notChecked('it has no link')]
  const begun = performance.now()
  const answer = await askBridge(location, {
    method: 'POST',
    path: `${devicePath(id)}/get?timeout=3s`,
    body: { filter: FEW_WORDS },
    timeout: 4_000,
  })
  const took = `${Math.round(performance.now() - begun)} ms`
  if (answer.ok) return [ok(`it answers <get> through the bridge in ${took}`)]
  const problem = answer.text === undefined ? undefined : problemSchema.safeParse(parsedJson(answer.text)).data
  // What the device itself refuses, it has answered.
  if ((problem?.['rpc-errors'] ?? []).length > 0)
    return [ok(`it answers through the bridge in ${took}: ${strangerText(answer.problem.message)}`)]
  // Sessions are their users' own there, and this command is nobody whom the device has to know.
  if (problem?.reason === 'account-refused')
    return [notChecked(`it answers, and has no account for this command: ${strangerText(answer.problem.message)}`)]
  const { message, hint = 'look at the log of the bridge' } = answer.problem
  return [failed(`it does not answer <get>: ${strangerText(message)}`, strangerText(hint))]
}
