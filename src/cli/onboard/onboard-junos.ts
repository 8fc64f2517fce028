import { basename, dirname } from 'node:path'
import { publicKeyLine } from '../../ssh/public-key.js'
import { asOwner } from './onboard-bridge.js'
import type { ConfigurationPlace, DeviceLogin, LoginKey, Onboarding, Step } from './onboarding.js'
import { homeportCommand, shellWord } from '../../lib/shell-word.js'
import { junosWord } from '../quoting.js'

/** Where Junos keeps files that operators bring, and survives an upgrade. */
const DEVICE_DIRECTORY = '/var/tmp'

/** The key that Junos announces in its initiation sequence, which is the one that has to be certified. */
const DEVICE_HOST_KEY = 'ssh_host_rsa_key'

/** How Junos calls the types of keys. */
const keyStatements: Readonly<Record<string, string>> = {
  'ssh-rsa': 'ssh-rsa',
  'ssh-ed25519': 'ssh-ed25519',
  'ecdsa-sha2-nistp256': 'ssh-ecdsa',
  'ecdsa-sha2-nistp384': 'ssh-ecdsa',
  'ecdsa-sha2-nistp521': 'ssh-ecdsa',
}

/** What to do on a Junos device, in order: files, account, NETCONF, then calling home. */
export function junosSteps(onboarding: Onboarding): readonly Step[] {
  return [...filesForTheDevice(onboarding), accountAndService(onboarding), callingHome(onboarding)]
}

function filesForTheDevice({ deviceId, login, hostCa, configuration }: Onboarding): readonly Step[] {
  const steps: Step[] = []
  const file = fileOf(login)
  const { keptBy } = configuration
  if (file !== undefined)
    steps.push({
      title: `Here: bring ${file.what} to the device (DEVICE is its address now, ADMIN an account on it)`,
      text: keptBy === 'somebody' ? copyOf(file.path, file.path) : copyOfOwners(file.path, keptBy),
    })
  if (hostCa !== undefined) {
    const file = `${DEVICE_HOST_KEY}.pub`
    const signed = `${DEVICE_HOST_KEY}-cert.pub`
    const inside = keptBy === 'container' ? `${dirname(hostCa.directory)}/` : ''
    const sign =
      `${asOwner(keptBy, homeportCommand('ca sign-host', `${inside}${file}`))} ` +
      `--dir ${shellWord(hostCa.directory)} --principals ${shellWord(deviceId.toLowerCase())}`
    const certify = deviceId.includes(',')
      ? ['# a device id with a comma can be no principal: approve the host key instead, or change the device id']
      : inside === ''
        ? [sign]
        : [
            `docker cp ${file} CONTAINER:${shellWord(inside)}`,
            sign,
            `docker cp CONTAINER:${shellWord(inside + signed)} .`,
          ]
    steps.push({
      title: "Here: certify the device's host key, or leave out the line host-certificate-file below",
      text: [`scp ADMIN@DEVICE:/etc/ssh/${file} .`, ...certify, `scp ${signed} ADMIN@DEVICE:${DEVICE_DIRECTORY}/`].join(
        '\n',
      ),
    })
  }
  return steps
}

/** The file that the device reads for a login; none where what it needs stands in a statement. */
function fileOf(login: DeviceLogin): { readonly what: string; readonly path: string } | undefined {
  if (login.method === 'certificate') return { what: 'the user CA', path: login.userCaFile }
  const isKnown = login.method === 'password' || login.loginKey.key !== undefined
  return isKnown ? undefined : { what: "the bridge's key", path: `${login.loginKey.file}.pub` }
}

function copyOf(here: string, path: string): string {
  return `scp ${shellWord(here)} ADMIN@DEVICE:${shellWord(copied(path))}`
}

/** Only root and the bridge may look into its directories; whoever pastes this has the key of ADMIN. */
function copyOfOwners(path: string, keptBy: ConfigurationPlace['keptBy']): string {
  const here = basename(path)
  return `${asOwner(keptBy, `cat ${shellWord(path)}`)} > ${shellWord(here)}\n${copyOf(here, path)}`
}

/** Where a file of ours is on the device. */
function copied(file: string): string {
  return `${DEVICE_DIRECTORY}/${basename(file)}`
}

function accountAndService({ account, login, hostCa, protocol }: Onboarding): Step {
  const user = `set system login user ${junosWord(account)}`
  const services = 'set system services'
  const certificates = [
    ...(login.method === 'certificate'
      ? [
          `${services} ssh trusted-user-ca-key-file ${junosPath(copied(login.userCaFile))}`,
          `${services} ssh authorized-principals ${junosList(login.principals)}`,
        ]
      : []),
    ...(hostCa === undefined
      ? []
      : [`${services} ssh host-certificate-file ${DEVICE_DIRECTORY}/${DEVICE_HOST_KEY}-cert.pub`]),
  ]
  const asks = login.method === 'password'
  return {
    title: asks
      ? 'On the device, in configuration mode: the account and NETCONF ' +
        '(the last line asks for the password of the credentials; `commit` after it)'
      : 'On the device, in configuration mode: the account and NETCONF',
    text: [
      `${user} class super-user`,
      ...(login.method === 'key' ? [`${user} authentication ${keyStatement(login.loginKey)}`] : []),
      ...(protocol === undefined ? [] : [`${services} ssh protocol-version ${protocol}`]),
      ...certificates,
      `${services} netconf ssh`,
      `${services} netconf rfc-compliant`,
      `${services} netconf yang-compliant`,
      // What follows a question would be taken for its answer.
      asks ? `${user} authentication plain-text-password` : 'commit',
    ].join('\n'),
  }
}

/** A key that is not at hand yet is read by the device from the file that was brought there. */
function keyStatement({ key, file }: LoginKey): string {
  return key === undefined
    ? `load-key-file ${junosPath(copied(`${file}.pub`))}`
    : `${keyStatements[key.type] ?? key.type} ${junosWord(publicKeyLine(key))}`
}

function callingHome({ deviceId, secret, callHome, reconnectStrategy, login, hostCa }: Onboarding): Step {
  const client = 'set system services outbound-ssh client homeport'
  const certified = login.method === 'certificate' || hostCa !== undefined
  return {
    title: `On the device, in configuration mode: calling home${certified ? ', only after the commit above' : ''}`,
    text: [
      `${client} device-id ${junosWord(deviceId)}`,
      ...(secret === undefined ? [] : [`${client} secret ${junosWord(secret)}`]),
      `${client} keep-alive retry 3 timeout 15`,
      `${client} reconnect-strategy ${reconnectStrategy}`,
      `${client} services netconf`,
      ...callHome.map(({ host, port }) => `${client} ${host} port ${port}`),
      'commit',
    ].join('\n'),
  }
}

function junosPath(path: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(path) ? path : junosWord(path)
}

/** Values of a leaf that takes several. */
function junosList(values: readonly string[]): string {
  const words = values.map(junosWord)
  return words.length === 1 ? words.join('') : `[ ${words.join(' ')} ]`
}
