import { basename } from 'node:path'
import { publicKeyLine } from '../../ssh/public-key.js'
import type { Onboarding, Step } from './onboarding.js'
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
  return [...certificateFiles(onboarding), accountAndService(onboarding), callingHome(onboarding)]
}

function certificateFiles({ deviceId, login, hostCaFile }: Onboarding): readonly Step[] {
  const copied = (file: string): string => `${DEVICE_DIRECTORY}/${basename(file)}`
  const steps: Step[] = []
  if (login.method === 'certificate')
    steps.push({
      title: 'Here: bring the user CA to the device (DEVICE is its address now, ADMIN an account on it)',
      text: `scp ${shellWord(login.userCaFile)} ADMIN@DEVICE:${copied(login.userCaFile)}`,
    })
  if (hostCaFile !== undefined) {
    const hostCaDirectory = hostCaFile.replace(/\/[^/]*$/, '')
    const sign = deviceId.includes(',')
      ? '# a device id with a comma can be no principal: approve the host key instead, or change the device id'
      : `${homeportCommand('ca sign-host', `${DEVICE_HOST_KEY}.pub`)} ` +
        `--dir ${shellWord(hostCaDirectory)} --principals ${shellWord(deviceId.toLowerCase())}`
    steps.push({
      title: "Here: certify the device's host key, or leave out the line host-certificate-file below",
      text: [
        `scp ADMIN@DEVICE:/etc/ssh/${DEVICE_HOST_KEY}.pub .`,
        sign,
        `scp ${DEVICE_HOST_KEY}-cert.pub ADMIN@DEVICE:${DEVICE_DIRECTORY}/`,
      ].join('\n'),
    })
  }
  return steps
}

function accountAndService({ account, login, hostCaFile }: Onboarding): Step {
  const user = `set system login user ${junosWord(account)}`
  const services = 'set system services'
  const certificates = [
    ...(login.method === 'certificate'
      ? [
          `${services} ssh trusted-user-ca-key-file ${DEVICE_DIRECTORY}/${basename(login.userCaFile)}`,
          `${services} ssh authorized-principals ${junosList(login.principals)}`,
        ]
      : []),
    ...(hostCaFile === undefined
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
      ...(login.method === 'key'
        ? [
            `${user} authentication ${keyStatements[login.key.type] ?? login.key.type} ` +
              junosWord(publicKeyLine(login.key)),
          ]
        : []),
      ...certificates,
      `${services} netconf ssh`,
      `${services} netconf rfc-compliant`,
      // What follows a question would be taken for its answer.
      asks ? `${user} authentication plain-text-password` : 'commit',
    ].join('\n'),
  }
}

function callingHome({ deviceId, secret, bridge, login, hostCaFile }: Onboarding): Step {
  const client = 'set system services outbound-ssh client homeport'
  const certified = login.method === 'certificate' || hostCaFile !== undefined
  return {
    title: `On the device, in configuration mode: calling home${certified ? ', only after the commit above' : ''}`,
    text: [
      `${client} device-id ${junosWord(deviceId)}`,
      ...(secret === undefined ? [] : [`${client} secret ${junosWord(secret)}`]),
      `${client} keep-alive retry 3 timeout 15`,
      `${client} reconnect-strategy in-order`,
      `${client} services netconf`,
      `${client} ${bridge.host} port ${bridge.callHomePort}`,
      'commit',
    ].join('\n'),
  }
}

/** Values of a leaf that takes several. */
function junosList(values: readonly string[]): string {
  const words = values.map(junosWord)
  return words.length === 1 ? words.join('') : `[ ${words.join(' ')} ]`
}
