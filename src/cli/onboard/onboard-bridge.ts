import { dirname, isAbsolute, relative } from 'node:path'
import { PACKAGE_DIRECTORY } from '../../config/package-places.js'
import { homeportCommand, shellWord } from '../../lib/shell-word.js'
import { configString } from '../quoting.js'
import { keeperOf } from '../where-it-runs.js'
import type { ConfigurationPlace, DeviceLogin, LoginKey, Onboarding, Step } from './onboarding.js'

const SERVICE_GROUP = 'homeport'

/** Bits of RSA keys; older devices take no other type. */
const RSA_BITS = 3072

/** How long certificates are good for that are made by hand. */
const VALIDITY = '52w'

/**
 * What the bridge still needs in order to log in to the device and to trust it; nothing where it has all of it.
 * @param byHand what to write where no bridge took the device: one that does not run is started then
 */
export function bridgeSteps(onboarding: Onboarding, byHand: readonly Step[] = []): readonly Step[] {
  const steps = [
    ...makeCas(onboarding),
    ...makeKey(onboarding),
    ...certifyKey(onboarding),
    ...trustHostCa(onboarding),
    ...configure(onboarding),
    ...byHand,
  ]
  if (byHand.length > 0) return [...steps, checkAnd(onboarding, 'start')]
  return steps.length === 0 ? [] : [...steps, checkAnd(onboarding, 'reload')]
}

/** How it will log in, and by what. */
export function loginInWords({ account, login, configuration }: Onboarding): string {
  const ways: Readonly<Record<DeviceLogin['method'], string>> = {
    password: 'their password',
    key: 'their key',
    certificate: 'a user certificate',
  }
  return `credentials.${configuration.credentials} log in as ${account} with ${ways[login.method]}`
}

function makeCas({ missingCas, keyType, configuration }: Onboarding): readonly Step[] {
  if (missingCas === undefined) return []
  const command = homeportCommand('ca init', { dir: missingCas, type: keyType })
  const text =
    configuration.keptBy === 'package' ? `sudo -u ${SERVICE_GROUP} ${command}` : asOwner(configuration.keptBy, command)
  return [{ title: 'On the bridge: make the two CAs, once for all devices', text }]
}

function makeKey({ login, keyType, configuration }: Onboarding): readonly Step[] {
  const key = keyOf(login)
  if (key?.place === 'in an agent') {
    const file = shellWord(`${key.file}.pub`)
    const socket = shellWord(configuration.agent ?? '')
    const list = `SSH_AUTH_SOCK=${socket} ssh-add -L | grep -v -e -cert-`
    const text =
      configuration.keptBy === 'package'
        ? `${makeKeys(key.file)}\nsudo -u ${SERVICE_GROUP} env ${list} | sudo tee ${file} > /dev/null`
        : `mkdir -p -m 700 ${shellWord(dirname(key.file))}\n${list} > ${file}`
    return [{ title: "On the bridge: the public half of the agent's key", text }]
  }
  if (key?.place !== 'to be made') return []
  const file = shellWord(key.file)
  const size = keyType === 'rsa' ? ` -b ${RSA_BITS}` : ''
  const generate = `ssh-keygen -q -t ${keyType}${size} -N '' -C homeport -f ${file}`
  const text =
    configuration.keptBy === 'package'
      ? [makeKeys(key.file), `sudo ${generate}`, `sudo chgrp ${SERVICE_GROUP} ${file}`, `sudo chmod 640 ${file}`]
      : [`mkdir -p -m 700 ${shellWord(dirname(key.file))}`, generate]
  return [{ title: 'On the bridge: make the key that it logs in with', text: text.join('\n') }]
}

/** Makes the directory of the keys of the package's service. */
function makeKeys(file: string): string {
  return `sudo install -d -o root -g ${SERVICE_GROUP} -m 750 ${shellWord(dirname(file))}`
}

function certifyKey({ login, configuration }: Onboarding): readonly Step[] {
  if (login.method !== 'certificate' || login.by !== undefined) return []
  const { loginKey, userCaFile, principals } = login
  const command = [
    homeportCommand('ca sign-user', `${loginKey.file}.pub`),
    `--dir ${shellWord(dirname(userCaFile))}`,
    `--principals ${shellWord(principals.join(','))} --id homeport --validity ${VALIDITY}`,
  ].join(' ')
  const text = asOwner(configuration.keptBy, command)
  return [{ title: 'On the bridge: certify that key; again before a year is over', text }]
}

/** The bridge believes host certificates by a line of its known_hosts. */
function trustHostCa({ hostCa, configuration }: Onboarding): readonly Step[] {
  if (hostCa === undefined || hostCa.trusted) return []
  const [ca, knownHosts] = [shellWord(hostCa.file), shellWord(hostCa.knownHosts)]
  const text =
    configuration.keptBy === 'package'
      ? `echo "@cert-authority * $(sudo cat ${ca})" | sudo tee -a ${knownHosts}`
      : `echo "@cert-authority * $(${asOwner(configuration.keptBy, `cat ${ca}`)})" >> ${knownHosts}`
  return [{ title: 'On the bridge: trust the CA of the host certificates', text }]
}

function configure({ account, login, hostCa, configuration }: Onboarding): readonly Step[] {
  const { credentials, directory } = configuration
  const [keys, variable] = [keysToWrite(login, configuration), passwordVariable(credentials)]
  const isPassword = login.method === 'password' && !login.configured
  const entries = [...keys, ...(isPassword ? [['password', `\${${variable}}`] as const] : [])]
  const lines = [
    ...(entries.length === 0
      ? []
      : [
          'credentials:',
          `  ${yamlWord(credentials)}:`,
          `    username: ${yamlWord(account)}`,
          ...entries.map(([key, value]) => `    ${key}: ${value}`),
        ]),
    ...(hostCa === undefined || hostCa.knownHostsConfigured
      ? []
      : ['trust:', `  known-hosts: ${yamlWord(inDirectory(directory, hostCa.knownHosts))}`]),
  ]
  if (lines.length === 0) return []
  const password = {
    title: `In .env beside it, with the password of ${account} on the device`,
    text: `${variable}='…'`,
  }
  return [
    { title: `On the bridge: in ${configuration.file}; what is there of these sections stays`, text: lines.join('\n') },
    ...(isPassword ? [password] : []),
  ]
}

type ConfigLine = readonly [key: string, value: string]

function keysToWrite(login: DeviceLogin, { directory }: Onboarding['configuration']): readonly ConfigLine[] {
  const key = keyOf(login)
  if (key === undefined) return []
  const file = inDirectory(directory, key.file)
  const privateKey: readonly ConfigLine[] =
    key.place === 'found' || key.place === 'to be made' ? [['private-key', yamlWord(file)]] : []
  const certificate: readonly ConfigLine[] =
    login.method === 'certificate' ? [['certificate', yamlWord(`${file}-cert.pub`)]] : []
  return [...privateKey, ...certificate]
}

/** The key that is to be made or certified; none where the configuration has all that is needed. */
function keyOf(login: DeviceLogin): LoginKey | undefined {
  if (login.method === 'password') return undefined
  return login.method === 'certificate' && login.by !== undefined ? undefined : login.loginKey
}

/** What follows once the configuration is checked, by what keeps the bridge. */
const AFTER_THE_CHECK = {
  reload: {
    container: { words: 'and reload', command: 'kill --signal HUP' },
    package: { words: 'and reload', command: 'reload' },
    somebody: 'then send it SIGHUP, or start it',
  },
  // No bridge answered: most likely it does not run, and otherwise it reads what is new.
  start: {
    container: { words: 'and start it anew', command: 'restart' },
    package: { words: 'and start it', command: 'reload-or-restart' },
    somebody: 'then start it, or send it SIGHUP where it runs',
  },
} as const

function checkAnd({ configuration: { keptBy: keeper, file } }: Onboarding, after: keyof typeof AFTER_THE_CHECK): Step {
  const { container, package: unit, somebody } = AFTER_THE_CHECK[after]
  const check = homeportCommand('check-config', { config: file })
  if (keeper === 'container')
    return {
      title: `On the host of the container, CONTAINER being its name: check that, ${container.words}`,
      text: `${asOwner(keeper, check)}\ndocker ${container.command} CONTAINER`,
    }
  return keeper === 'package'
    ? {
        title: `On the bridge: check that, ${unit.words}`,
        text: ['sudo homeport check-config', `sudo systemctl ${unit.command} homeport`].join('\n'),
      }
    : { title: `On the bridge: check that, ${somebody}`, text: check }
}

/** What keeps the bridge running whose configuration is in this directory. */
export function keptBy(directory: string, keeper = keeperOf(undefined)): ConfigurationPlace['keptBy'] {
  if (directory !== PACKAGE_DIRECTORY) return 'somebody'
  return keeper === 'container' ? 'container' : 'package'
}

/** The same command by who may read what is the bridge's. CONTAINER is its name on its host. */
export function asOwner(by: ConfigurationPlace['keptBy'], command: string): string {
  const before = { package: 'sudo ', container: 'docker exec CONTAINER ', somebody: '' } as const
  return `${before[by]}${command}`
}

/** The variable of `.env` that holds the password of credentials: DEVICE_PASSWORD, LAB_PASSWORD. */
function passwordVariable(credentials: string): string {
  return credentials === 'default'
    ? 'DEVICE_PASSWORD'
    : `DEVICE_${credentials.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_PASSWORD`
}

/** A path as the configuration has it: relative where it is below the file's own directory. */
function inDirectory(directory: string, file: string): string {
  const path = relative(directory, file)
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path
}

function yamlWord(text: string): string {
  return /^[A-Za-z][A-Za-z0-9._/-]*$/.test(text) && !/^(yes|no|on|off|true|false|null|y|n)$/i.test(text)
    ? text
    : configString(text)
}
