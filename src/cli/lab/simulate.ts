import { readFileSync } from 'node:fs'
import { inBackground } from '../../lib/background.js'
import { Command, InvalidArgumentError, Option } from 'commander'
import { readDuration } from '../../config/duration.js'
import { secretIn } from '../../config/yaml/environment.js'
import { keptHostKey } from '../../simulator/host-key.js'
import { TEST_NS } from '../../simulator/data-model.js'
import type { DialectName } from '../../simulator/dialect.js'
import { type SimulatedDevices, startSimulatedDevices } from '../../simulator/simulated-devices.js'
import { type CommandIo, processIo } from '../command-io.js'
import { helpText } from '../house-help.js'
import { faultOfDeviceId } from '../../trust/device-id.js'

interface SimulateOptions {
  readonly count: number
  readonly to: { readonly host: string; readonly port: number }
  readonly idPrefix: string
  readonly secret?: string
  readonly secretFile?: string
  readonly preamble: 'junos' | 'calix' | 'none'
  readonly dialect: DialectName
  /** What `dialect` was called in 0.1. */
  readonly manner?: DialectName
  readonly username: string
  readonly password?: string
  readonly passwordFile?: string
  readonly authorizedKey?: readonly string[]
  readonly hostKeyDir?: string
  readonly redialDelay: number
  readonly retryDelay: number
  readonly jitter: number
  readonly stagger: number
  readonly replyDelay: number
  readonly maxSessions: number
  readonly keepAlive?: number
  readonly base11?: true
  readonly interleave?: true
  readonly json?: true
  readonly verbose?: true
}

const MAX_DEVICES = 100_000

/** `homeport simulate`: devices that call home, each a small NETCONF server, until interrupted. */
export function simulateCommand(io: CommandIo = processIo()): Command {
  return new Command('simulate')
    .description('devices that call home: each dials in, is an SSH server and a small NETCONF server, and redials')
    .requiredOption('--count <n>', 'how many devices', readCount)
    .requiredOption(
      '--to <host:port>',
      'where the bridge listens for call home, as 127.0.0.1:4334 or [::1]:4334',
      readHostPort,
    )
    .option('--id-prefix <text>', 'device ids are this and a number from 1', readIdPrefix, 'sim-')
    .option('--secret <text>', 'send HOST-KEY and HMAC made with this; {id} in it stands for the device id')
    .addOption(new Option('--secret-file <file>', 'the same, from a file').argParser(readSecret).conflicts('secret'))
    .addOption(
      new Option(
        '--preamble <form>',
        'what is sent before SSH: the Junos initiation sequence, Calix identity, or nothing',
      )
        .choices(['junos', 'calix', 'none'])
        .default('junos'),
    )
    .addOption(
      new Option('--dialect <dialect>', 'whose NETCONF dialect: Junos or plain IETF')
        .choices(['junos', 'plain'])
        .default('junos'),
    )
    .addOption(new Option('--manner <dialect>', 'what --dialect was called').choices(['junos', 'plain']).hideHelp())
    .option('--username <name>', 'the login that devices accept', 'netconf')
    .option('--password <text>', 'its password (default: "netconf", unless --authorized-key is given)')
    .addOption(
      new Option('--password-file <file>', 'the same, from a file').argParser(readSecret).conflicts('password'),
    )
    .option('--authorized-key <line...>', 'OpenSSH public keys that may log in')
    .option('--host-key-dir <dir>', 'keep host keys here, made on first use (default: fresh ones each time)')
    .addOption(
      new Option('--redial-delay <time>', 'from the end of a connection to the next attempt')
        .argParser(readTime)
        .default(5_000, '5s'),
    )
    .addOption(
      new Option('--retry-delay <time>', 'after an attempt that was refused or never logged in')
        .argParser(readTime)
        .default(15_000, '15s'),
    )
    .option('--jitter <share>', 'lengthen these delays at random, by up to this share: 0 to 1', readShare, 0)
    .addOption(
      new Option('--stagger <time>', 'between the first attempts of two devices').argParser(readTime).default(0, '0s'),
    )
    .addOption(new Option('--reply-delay <time>', 'how long every reply waits').argParser(readTime).default(0, '0s'))
    .option('--max-sessions <n>', 'channels on one connection', readCount, 10)
    .option('--keep-alive <time>', 'probe the bridge after this silence, three times (default: no probes)', readTime)
    .option('--base11', 'announce base:1.1 in the Junos dialect too')
    .option('--interleave', 'answer requests on a session that is subscribed to notifications')
    .option('--json', 'one JSON object a line for each device: id, hostKey, fingerprint')
    .option('--verbose', 'tell on standard error what happens to each device')
    .addHelpText('after', helpText(HELP))
    .action((options: SimulateOptions) => simulate(options, io))
}

const HELP = `
The devices' data: namespace urn:homeport:simulated-device, with system and interfaces (see <get-schema>).
Tests: <generate-reply xmlns="${TEST_NS}"> with <size> in bytes, <delay> in milliseconds, <drop/>.

Example:
  homeport simulate --count 2 --to 127.0.0.1:4334 --secret 's3cret-{id}' --password netconf

Runs until SIGINT or SIGTERM. Exit status: 0 stopped, 1 failed, 2 wrong usage.`

async function simulate(options: SimulateOptions, io: CommandIo): Promise<void> {
  const started = await startAll(options).catch((thrown: unknown) => {
    const cause = thrown instanceof Error ? thrown.message : String(thrown)
    io.stderr.write(`homeport: --host-key-dir: ${cause}; name a directory that can be written and holds good keys\n`)
    io.exit(1)
    return undefined
  })
  if (started === undefined) return
  printDevices(started, options, io)
  if (options.verbose === true) tellEvents(started, io)
  const interrupted = untilSignal()
  const told = started.attached.then(() =>
    io.stderr.write(
      `the bridge has logged in to ${options.count === 1 ? 'the device' : `all ${options.count} devices`}\n`,
    ),
  )
  inBackground('simulator', told)
  await interrupted
  await started.stop()
  io.exit(0)
}

async function startAll(options: SimulateOptions): Promise<SimulatedDevices> {
  const { hostKeyDir, authorizedKey, passwordFile, keepAlive, base11, secretFile, manner, ...common } = options
  // The readers of these options gave what the files hold.
  const { secret = secretFile, password = passwordFile } = options
  const ids = Array.from({ length: options.count }, (_, index) => `${options.idPrefix}${index + 1}`)
  const hostKeys = new Map<string, string>()
  if (hostKeyDir !== undefined) {
    for (const id of ids) hostKeys.set(id, await keptHostKey(hostKeyDir, id))
  }
  const accepted = password ?? (authorizedKey === undefined ? 'netconf' : undefined)
  return startSimulatedDevices({
    ...common,
    dialect: manner ?? options.dialect,
    hostKeyFor: (id) => hostKeys.get(id),
    ...(secret === undefined ? {} : { secret }),
    ...(accepted === undefined ? {} : { password: accepted }),
    ...(authorizedKey === undefined ? {} : { authorizedKeys: authorizedKey }),
    ...(keepAlive === undefined ? {} : { keepAlive: { timeout: keepAlive, retry: 3 } }),
    ...(base11 === undefined ? {} : { bases: ['1.0', '1.1'] as const }),
  })
}

function printDevices({ devices }: SimulatedDevices, options: SimulateOptions, io: CommandIo): void {
  if (options.json === true) {
    for (const { id, hostPublicKey, hostKeyFingerprint } of devices) {
      io.stdout.write(`${JSON.stringify({ id, hostKey: hostPublicKey, fingerprint: hostKeyFingerprint })}\n`)
    }
    return
  }
  const width = devices.reduce((widest, { id }) => Math.max(widest, id.length), 'DEVICE'.length)
  io.stdout.write(`${'DEVICE'.padEnd(width)}  HOST KEY\n`)
  for (const device of devices) io.stdout.write(`${device.id.padEnd(width)}  ${device.hostKeyFingerprint}\n`)
}

function tellEvents({ devices }: SimulatedDevices, io: CommandIo): void {
  for (const device of devices) {
    const tell = (what: string): unknown => io.stderr.write(`${device.id}: ${what}\n`)
    device.on('dialled', ({ localPort }) => tell(`dialled from port ${localPort}`))
    device.on('refused', ({ cause }) => tell(`refused: ${cause}`))
    device.on('authentication-failed', ({ method }) => tell(`refused a login by ${method}`))
    device.on('authenticated', ({ method }) => tell(`accepted a login by ${method}`))
    device.on('session-opened', ({ sessionId }) => tell(`session ${sessionId} opened`))
    device.on('session-closed', ({ sessionId, reason }) => tell(`session ${sessionId} ended: ${reason}`))
    device.on('connection-lost', ({ cause }) => tell(`connection lost: ${cause}`))
    device.on('redialling', ({ inMs }) => tell(`dials again in ${inMs} ms`))
  }
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}

function readIdPrefix(text: string): string {
  const fault = faultOfDeviceId(`${text}${MAX_DEVICES}`)
  if (fault === undefined) return text
  throw new InvalidArgumentError(`A device id ${fault.rule}.`)
}

/** The content of a file without its last line end, as `NAME_FILE` of the configuration is read. */
function readSecret(file: string): string {
  let secret: string
  try {
    secret = secretIn(readFileSync(file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new InvalidArgumentError(code === 'ENOENT' ? 'There is no such file.' : `It cannot be read (${code}).`)
  }
  if (secret !== '') return secret
  throw new InvalidArgumentError('The file is empty.')
}

function readCount(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= MAX_DEVICES) return count
  throw new InvalidArgumentError(`Give a whole number from 1 to ${MAX_DEVICES}.`)
}

function readHostPort(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port }
  throw new InvalidArgumentError('Give host:port, an IPv6 address in brackets: 127.0.0.1:4334 or [::1]:4334.')
}

function readTime(text: string): number {
  const read = readDuration(text)
  if (read.ok) return read.value
  throw new InvalidArgumentError('Give a duration such as 500ms, 5s or 1m.')
}

function readShare(text: string): number {
  const share = Number(text)
  if (text.trim() !== '' && share >= 0 && share <= 1) return share
  throw new InvalidArgumentError('Give a number from 0 to 1.')
}
