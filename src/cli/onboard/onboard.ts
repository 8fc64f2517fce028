import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { loadConfig } from '../../config/load.js'
import { formatProblem } from '../../config/problem.js'
import { deviceId as deviceIdSchema, userName } from '../../config/scalars.js'
import type { Config, DeviceConfig } from '../../config/schema.js'
import { type AddDevice, addDeviceOver, type DeviceAdded } from '../operator/add-device.js'
import { bridgeSocketIn } from '../../app/bridge-socket.js'
import { caFile, defaultCaDirectory } from '../ca/ca-directory.js'
import { type CommandIo, processIo } from '../command-io.js'
import { byHandSteps } from './onboard-by-hand.js'
import { junosSteps } from './onboard-junos.js'
import { type NmsStanzas, nmsStanzas } from './onboard-nms.js'
import { rfc8071Steps } from './onboard-rfc8071.js'
import { bridgeHostCa, bridgeHostKeys, findLogin, type LoginMethod, usualMethod } from './onboard-sources.js'
import type { Onboarding, Step } from './onboarding.js'
import { shellWord } from '../../lib/shell-word.js'
import { plainName } from '../quoting.js'
import { readHost, readPort } from '../read-host.js'
import { reportFailure } from '../command-failure.js'

type Vendor = 'junos' | 'rfc8071'

interface OnboardOptions {
  readonly vendor: Vendor
  readonly bridge?: string
  readonly port?: number
  readonly user?: string
  readonly auth?: LoginMethod
  readonly credentials: string
  readonly caDir?: string
  readonly config?: string
  readonly json?: true
}

const vendors = {
  junos: { steps: junosSteps, networkOs: 'junipernetworks.junos.junos' },
  rfc8071: { steps: rfc8071Steps, networkOs: 'ansible.netcommon.default' },
} as const

/** The account of the Junos documentation, where the credentials name none. */
const USUAL_ACCOUNT = 'netconf-user'

/** As many bytes as the hash of the HMAC makes use of, and more. */
const SECRET_SIZE = 32

/** `homeport onboard ID`: prints what to paste into a device and its NMS, and adds the device to the running bridge. */
export function onboardCommand(
  io: CommandIo = processIo(),
  addDeviceTo: (dataDir: string) => AddDevice = (dataDir) => addDeviceOver(bridgeSocketIn(dataDir)),
): Command {
  return new Command('onboard')
    .description('print what to paste into a device and into NMS tools, and add the device to the running bridge')
    .argument('<id>', 'device id', readDeviceId)
    .addOption(new Option('--vendor <vendor>', 'what the device is').choices(['junos', 'rfc8071']).default('junos'))
    .option('--bridge <host>', 'how devices and clients reach the bridge (default: the name of this host)', readHost)
    .option('--port <port>', 'where devices dial in (default: call-home.ssh.port)', readPort)
    .option(
      '--user <name>',
      `account on the device (default: that of the credentials, else ${USUAL_ACCOUNT})`,
      readUser,
    )
    .addOption(
      new Option(
        '--auth <method>',
        'how the bridge logs in (default: key if the credentials have one, else password)',
      ).choices(['password', 'key', 'certificate']),
    )
    .option('--credentials <name>', 'the credentials to log in with', 'default')
    .option('--ca-dir <dir>', 'directory of the CA (default: ca in the configured data-dir)')
    .option('-c, --config <file>', 'configuration file (default: config/homeport.yaml, else built-in defaults)')
    .option('--json', 'print JSON on standard output')
    .action((deviceId: string, options: OnboardOptions) => onboard(deviceId, options, { io, addDeviceTo }))
}

async function onboard(
  deviceId: string,
  options: OnboardOptions,
  { io, addDeviceTo }: { readonly io: CommandIo; readonly addDeviceTo: (dataDir: string) => AddDevice },
): Promise<void> {
  if (options.vendor === 'rfc8071' && options.auth === 'certificate')
    return reportFailure(
      io,
      {
        message: '--auth certificate: ietf-netconf-server has no OpenSSH certificates',
        hint: 'give --auth key, or set up TrustedUserCAKeys on the device by its own means',
      },
      2,
    )
  const loaded = loadConfig({ path: options.config, cwd: io.cwd, env: io.env })
  if (!loaded.ok) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`)
    return io.exit(2)
  }
  const { config } = loaded
  const configured = config.devices.find(({ id }) => id.toLowerCase() === deviceId.toLowerCase())
  const gathered = await gather({ deviceId: configured?.id ?? deviceId, configured, config }, options, io)
  if (gathered === undefined) return

  const { onboarding, credentials } = gathered
  const added = configured === undefined ? await addDeviceTo(config.dataDir)(deviceFrom(gathered, options)) : CONFIGURED
  // Another secret than the bridge's would only lock the device out, so it is not shown.
  if (!added.ok && added.cause === 'refused') return reportFailure(io, added)
  const vendor = vendors[options.vendor]
  const steps = [...vendor.steps(onboarding), ...(added.ok ? [] : byHandSteps(onboarding, credentials))]
  const nms = nmsStanzas(onboarding, vendor.networkOs)
  if (options.json === true)
    io.stdout.write(`${JSON.stringify(asJson({ onboarding, vendor: options.vendor, steps, nms, added }))}\n`)
  else {
    io.stdout.write(asText(onboarding, steps, nms))
    if (added.ok) io.stdout.write(`${comment(whatNext(onboarding, configured !== undefined))}\n`)
  }
  if (added.ok) io.exit(0)
  else reportFailure(io, added)
}

const CONFIGURED: DeviceAdded = { ok: true }

/** The device that is set up, what the configuration says of it, and the whole configuration. */
interface Subject {
  readonly deviceId: string
  readonly configured: DeviceConfig | undefined
  readonly config: Config
}

interface Gathered {
  readonly onboarding: Onboarding
  readonly credentials: string
}

/**
 * Looks together what the configuration, the keys and the CA say; tells and gives undefined when something is missing.
 */
async function gather(
  { deviceId, configured, config }: Subject,
  options: OnboardOptions,
  io: CommandIo,
): Promise<Gathered | undefined> {
  const credentials = configured?.credentials ?? options.credentials
  const profile = config.credentials.get(credentials)
  if (profile === undefined)
    io.stderr.write(
      `note: credentials.${credentials} is not in the configuration yet; the bridge cannot log in without\n`,
    )
  const account = options.user ?? profile?.username ?? USUAL_ACCOUNT
  if (profile !== undefined && account !== profile.username)
    io.stderr.write(`note: credentials.${credentials} log in as ${profile.username}, not as ${account}\n`)
  if (options.bridge === undefined)
    io.stderr.write(`note: devices are told to dial ${hostname()}; name another address with --bridge\n`)

  const caDirectory = options.caDir === undefined ? defaultCaDirectory(config.dataDir) : resolve(io.cwd, options.caDir)
  const sources = { name: credentials, profile, account, caDirectory }
  const found = await findLogin(options.auth ?? usualMethod(profile), sources)
  if (!found.ok) {
    reportFailure(io, found.problem)
    return undefined
  }
  const secret = configured === undefined && options.vendor === 'junos' ? newSecret() : configured?.secret
  const hostCaFile = `${caFile(caDirectory, 'host')}.pub`
  const hostCa = await bridgeHostCa(config)
  const onboarding: Onboarding = {
    deviceId,
    ...(secret === undefined ? {} : { secret }),
    bridge: {
      host: options.bridge ?? hostname(),
      callHomePort: options.port ?? (config.callHome.ssh.port || 4334),
      endpointPort: config.endpoint.ssh.port || 830,
      hostKeys: await bridgeHostKeys(config),
      ...(hostCa === undefined ? {} : { hostCa }),
    },
    account,
    login: found.login,
    ...((await exists(hostCaFile)) ? { hostCaFile } : {}),
    operator: config.users[0]?.name ?? 'ops',
  }
  return { onboarding, credentials }
}

/** Begins with a letter or a digit: any other word would have to be quoted wherever it is pasted. */
function newSecret(): string {
  const secret = randomBytes(SECRET_SIZE).toString('base64url')
  return /^[A-Za-z0-9]/.test(secret) ? secret : newSecret()
}

function deviceFrom({ onboarding, credentials }: Gathered, { vendor }: OnboardOptions) {
  const { deviceId, secret } = onboarding
  return { deviceId, vendor, credentials, ...(secret === undefined ? {} : { secret }) }
}

function asText(onboarding: Onboarding, steps: readonly Step[], nms: NmsStanzas): string {
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
  return sections.map(({ title, text }) => `${comment(title)}\n\n${text}\n\n`).join('')
}

function asJson(result: {
  readonly onboarding: Onboarding
  readonly vendor: OnboardOptions['vendor']
  readonly steps: readonly Step[]
  readonly nms: NmsStanzas
  readonly added: DeviceAdded
}): object {
  const { vendor, steps, nms, added } = result
  const { deviceId, secret } = result.onboarding
  const bridge = added.ok ? { added: true } : { added: false, message: added.message, hint: added.hint }
  // oxlint-disable-next-line unicorn/no-null -- it is printed as JSON
  return { deviceId, name: plainName(deviceId), vendor, secret: secret ?? null, steps, nms, bridge }
}

function whatNext({ deviceId, secret }: Onboarding, configured: boolean): string {
  if (configured) return `${deviceId} is in the configuration, which decides for it`
  return secret === undefined
    ? `The bridge knows ${deviceId} now. It waits as pending until its host key is approved, ` +
        'unless it shows a host certificate for that name: homeport devices list'
    : `The bridge knows ${deviceId} now: it attaches as soon as it dials in with this secret, which is not shown again`
}

function comment(text: string): string {
  return `# ${text}`
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

function readDeviceId(text: string): string {
  return checkedBy(deviceIdSchema(), text)
}

function readUser(text: string): string {
  return checkedBy(userName(), text)
}

function checkedBy(schema: ReturnType<typeof deviceIdSchema>, text: string): string {
  const parsed = schema.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join('; '))
}
