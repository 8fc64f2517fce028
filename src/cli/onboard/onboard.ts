import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { bridgeSocketIn } from '../../app/bridge-socket.js'
import { loadConfig } from '../../config/load.js'
import { formatProblem } from '../../config/problem.js'
import { deviceId as deviceIdSchema, userName } from '../../config/scalars.js'
import type { Config, DeviceConfig } from '../../config/schema.js'
import { readEnvironment } from '../../config/yaml/environment.js'
import type { GeneratedKeyType } from '../../ssh/generate-private-key.js'
import type { FoundDevice, StoredDevice } from '../../store/stored-device.js'
import { defaultCaDirectory } from '../ca/ca-directory.js'
import { reportFailure } from '../command-failure.js'
import { type CommandIo, processIo } from '../command-io.js'
import { configOption } from '../config-option.js'
import { type AddDevice, addDeviceOver, type DeviceAdded } from '../operator/add-device.js'
import { readPort } from '../read-host.js'
import { type KeptSecret, keptSecret } from './kept-secret.js'
import { bridgeSteps, keptBy } from './onboard-bridge.js'
import { byHandSteps } from './onboard-by-hand.js'
import { junosSteps } from './onboard-junos.js'
import { nmsStanzas } from './onboard-nms.js'
import { rfc8071Steps } from './onboard-rfc8071.js'
import { type FoundSecret, secretOfNewDevice } from './onboard-secret.js'
import {
  bridgeHostCa,
  bridgeHostKeys,
  findHostCa,
  findLogin,
  type LoginMethod,
  usualMethod,
} from './onboard-sources.js'
import { asJson, asText, type Printed } from './onboard-text.js'
import { type Onboarding, RECONNECT_STRATEGIES, type ReconnectStrategy } from './onboarding.js'
import { addServer, type NamedServer } from './read-server.js'

type Vendor = 'junos' | 'rfc8071'

interface OnboardOptions {
  readonly vendor: Vendor
  readonly bridge?: readonly NamedServer[]
  readonly port?: number
  readonly endpointPort?: number
  readonly reconnectStrategy: ReconnectStrategy
  readonly protocol?: 'v2'
  readonly user?: string
  readonly auth?: LoginMethod
  readonly keyType: GeneratedKeyType
  readonly credentials?: string
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

/** The credentials of devices that name none. */
const USUAL_CREDENTIALS = 'default'

/**
 * `homeport onboard ID`: prints what to paste into a device, the bridge and the NMS, and adds the device to the running
 * bridge. However often it runs, it prints the same: what is there already is used, and told.
 */
export function onboardCommand(
  io: CommandIo = processIo(),
  addDeviceTo: (dataDir: string) => AddDevice = (dataDir) => addDeviceOver(bridgeSocketIn(dataDir)),
): Command {
  return new Command('onboard')
    .description(
      'print what to paste into a device, the bridge and NMS tools, and add the device to the running bridge',
    )
    .argument('<id>', 'device id', readDeviceId)
    .addOption(new Option('--vendor <vendor>', 'what the device is').choices(['junos', 'rfc8071']).default('junos'))
    .option(
      '--bridge <host[:port]>',
      'how devices and clients reach the bridge (default: the name of this host); again for each further bridge, ' +
        'in the order in which the device tries them',
      addServer,
    )
    .option('--port <port>', 'where devices dial in (default: call-home.ssh.port)', readPort)
    .option(
      '--endpoint-port <port>',
      'where clients reach the bridge (default: endpoint.ssh.port), such as the published port of a container',
      readPort,
    )
    .addOption(
      new Option('--reconnect-strategy <strategy>', 'whom the device dials after a loss')
        .choices(RECONNECT_STRATEGIES)
        .default('in-order'),
    )
    .addOption(
      new Option('--protocol <version>', 'tell the device its version of SSH too, for old ones').choices(['v2']),
    )
    .option(
      '--user <name>',
      `account on the device (default: that of the credentials, else ${USUAL_ACCOUNT})`,
      readUser,
    )
    .addOption(
      new Option(
        '--auth <method>',
        'how the bridge logs in (default: the best that the credentials have, certificate, key, password)',
      ).choices(['password', 'key', 'certificate']),
    )
    .addOption(
      new Option('--key-type <type>', 'of a key that is to be made: some older devices know RSA alone')
        .choices(['rsa', 'ed25519', 'ecdsa'])
        .default('rsa'),
    )
    .option('--credentials <name>', `the credentials to log in with (default: ${USUAL_CREDENTIALS})`)
    .option('--ca-dir <dir>', 'directory of the CA (default: ca in the configured data-dir)')
    .addOption(configOption())
    .option('--json', 'print JSON on standard output')
    .action((deviceId: string, options: OnboardOptions) => onboard(deviceId, options, { io, addDeviceTo }))
}

async function onboard(
  typedId: string,
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
  const subject = await findSubject(typedId, { config: loaded.config, file: loaded.file }, io)
  if (subject === undefined) return
  const kept = keptSecret(subject.config.dataDir, subject.deviceId)
  const secret = await findSecret(subject, { options, kept, io })
  if (secret === undefined) return
  const gathered = await gather(subject, { options, secret: secret.found, io })
  if (gathered === undefined) return

  const isKnown = subject.configured !== undefined || subject.known !== undefined
  const added = isKnown ? KNOWN : await addDeviceTo(subject.config.dataDir)(deviceFrom(gathered, options))
  // Another secret than the bridge's would only lock the device out, so it is not shown.
  if (!added.ok && added.cause === 'refused') return reportFailure(io, added)
  if (added.ok) await kept.remove()
  const onboarding = added.ok ? gathered : await keepSecret(gathered, { subject, kept, io })

  const { steps, networkOs } = vendors[options.vendor]
  const printed: Printed = {
    onboarding,
    vendor: options.vendor,
    steps: [...bridgeSteps(onboarding, added.ok ? [] : byHandSteps(onboarding)), ...steps(onboarding)],
    nms: nmsStanzas(onboarding, networkOs),
    added,
    standing: standingOf(subject),
    secretFrom: secret.found?.from,
  }
  io.stdout.write(options.json === true ? `${JSON.stringify(asJson(printed))}\n` : asText(printed))
  if (added.ok) io.exit(0)
  else reportFailure(io, added)
}

const KNOWN: DeviceAdded = { ok: true }

/** The device that is set up, and what is known of it. */
interface Subject {
  /** As the configuration or the bridge writes it, where they know it. */
  readonly deviceId: string
  /** Its entry in the configuration. */
  readonly configured: DeviceConfig | undefined
  /** What the bridge keeps of a device that it lets in without such an entry. */
  readonly known: StoredDevice | undefined
  /** A secret that the bridge keeps, of an earlier run. */
  readonly storedSecret: string | undefined
  readonly config: Config
  /** The file of the configuration, as it was found. */
  readonly file: string
}

/** Looks up the device; tells and gives undefined when the bridge's store cannot be read. */
async function findSubject(
  typedId: string,
  { config, file }: Pick<Subject, 'config' | 'file'>,
  io: CommandIo,
): Promise<Subject | undefined> {
  const configured = config.devices.find(({ id }) => id.toLowerCase() === typedId.toLowerCase())
  const found = await findStored(config, typedId)
  if (!found.ok) {
    const { message, hint } = found.failure
    const ofFile = 'run this as the user of the bridge, or as root: the secrets of devices are in it'
    reportFailure(io, { message, hint: config.cluster === undefined ? ofFile : hint })
    return undefined
  }
  const { device } = found
  // What the store keeps for an entry of the file counts for nothing without that entry.
  const counts = device !== undefined && (configured !== undefined || device.configured !== true)
  const known = counts && configured === undefined && device.standing === 'approved' ? device : undefined
  return {
    deviceId: configured?.id ?? known?.deviceId ?? typedId,
    configured,
    known,
    storedSecret: counts ? device.secret : undefined,
    config,
    file,
  }
}

/** What the bridge's store has of a device. Either engine is loaded for this command alone. */
async function findStored({ cluster, dataDir }: Config, deviceId: string): Promise<FoundDevice> {
  if (cluster === undefined) {
    const { storedDevice } = await import('../../store/sqlite/stored-device.js')
    return storedDevice(dataDir, deviceId)
  }
  const { sharedDevice } = await import('../../store/postgres/shared-device.js')
  return sharedDevice(cluster, deviceId)
}

/** What a part of the command works with. */
interface Means {
  readonly options: OnboardOptions
  readonly io: CommandIo
}

/** The secret that the device has or shall have, if any; tells and gives undefined when it cannot be read. */
async function findSecret(
  { deviceId, configured, known, storedSecret, file }: Subject,
  { options, kept, io }: Means & { readonly kept: KeptSecret },
): Promise<{ readonly found: FoundSecret | undefined } | undefined> {
  if (configured?.secret !== undefined) return { found: { secret: configured.secret, from: 'configuration' } }
  if (storedSecret !== undefined) return { found: { secret: storedSecret, from: 'bridge' } }
  if (configured !== undefined || known !== undefined || options.vendor !== 'junos') return { found: undefined }
  const { environment } = readEnvironment(io.env, io.cwd, directoryOf(file, io))
  const secret = await secretOfNewDevice(deviceId, environment, kept)
  if (secret.ok) return { found: secret.found }
  reportFailure(io, secret.problem)
  return undefined
}

/**
 * Looks together what the configuration, the keys and the CA say; tells and gives undefined when something is missing.
 */
async function gather(
  { deviceId, configured, known, config, file }: Subject,
  { options, secret, io }: Means & { readonly secret: FoundSecret | undefined },
): Promise<Onboarding | undefined> {
  const credentials = configured?.credentials[0] ?? options.credentials ?? known?.credentials ?? USUAL_CREDENTIALS
  const profile = config.credentials.get(credentials)
  const account = options.user ?? profile?.username ?? USUAL_ACCOUNT
  const note = (text: string): unknown => io.stderr.write(`note: ${text}\n`)
  if (profile === undefined)
    note(`credentials.${credentials} is not in the configuration yet; the bridge cannot log in without`)
  else if (account !== profile.username)
    note(`credentials.${credentials} log in as ${profile.username}, not as ${account}`)
  if (options.bridge === undefined) note(`devices are told to dial ${hostname()}; name another address with --bridge`)

  const caDirectory = options.caDir === undefined ? defaultCaDirectory(config.dataDir) : resolve(io.cwd, options.caDir)
  const directory = directoryOf(file, io)
  const by = keptBy(directory)
  const clientsPort = config.endpoint.ssh.port || 830
  if (by === 'container') {
    note(`what belongs into ${directory} goes where that is mounted from, readable for the user ${process.getuid?.()}`)
    if (options.endpointPort === undefined)
      note(`clients are told port ${clientsPort}, of the container; name the published one with --endpoint-port`)
  }
  const sources = { name: credentials, profile, account, caDirectory, directory, keyType: options.keyType }
  const found = await findLogin(options.auth ?? usualMethod(profile), sources)
  if (!found.ok) {
    reportFailure(io, found.problem)
    return undefined
  }
  const { login, missingCas } = found
  const port = options.port ?? (config.callHome.ssh.port || 4334)
  const servers: readonly NamedServer[] = options.bridge ?? [{ host: hostname() }]
  const hostCa = await findHostCa(config, { directory, caDirectory, toBeMade: missingCas !== undefined })
  const clientsCa = await bridgeHostCa(config)
  return {
    deviceId,
    ...(secret === undefined ? {} : { secret: secret.secret }),
    callHome: servers.map((server) => ({ port, ...server })),
    reconnectStrategy: options.reconnectStrategy,
    ...(options.protocol === undefined ? {} : { protocol: options.protocol }),
    bridge: {
      host: servers[0]?.host ?? hostname(),
      endpointPort: options.endpointPort ?? clientsPort,
      hostKeys: await bridgeHostKeys(config),
      ...(clientsCa === undefined ? {} : { hostCa: clientsCa }),
    },
    configuration: {
      file,
      directory,
      keptBy: by,
      credentials,
      ...(profile?.agent === undefined ? {} : { agent: profile.agent }),
    },
    keyType: options.keyType,
    account,
    login,
    ...(hostCa === undefined ? {} : { hostCa }),
    ...(missingCas === undefined ? {} : { missingCas }),
    operator: config.users[0]?.name ?? 'ops',
  }
}

/** Keeps the secret that no bridge took, so that another run prints the same one. */
async function keepSecret(
  onboarding: Onboarding,
  { subject, kept, io }: { readonly subject: Subject; readonly kept: KeptSecret; readonly io: CommandIo },
): Promise<Onboarding> {
  const { secret } = onboarding
  if (secret === undefined) return onboarding
  try {
    return { ...onboarding, secret: await kept.keep(secret) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    io.stderr.write(
      `note: the secret is not kept in ${subject.config.dataDir} (${code ?? String(error)}): ` +
        'another run makes another one, until the lines below are in the configuration\n',
    )
    return onboarding
  }
}

function deviceFrom({ deviceId, secret, configuration }: Onboarding, { vendor }: OnboardOptions) {
  const { credentials } = configuration
  return { deviceId, vendor, credentials, ...(secret === undefined ? {} : { secret }) }
}

function standingOf({ configured, known, file }: Subject): Printed['standing'] {
  if (configured !== undefined) {
    const isProven = configured.secret !== undefined || configured.hostKeys.length > 0
    return { kind: 'configured', file, isProven }
  }
  return { kind: known === undefined ? 'new' : 'known' }
}

function directoryOf(file: string, io: CommandIo): string {
  return dirname(resolve(io.cwd, file))
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
