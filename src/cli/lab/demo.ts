import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { hashPassword } from '../../access/authn/password-hash.js'
import { layeredEnvironment } from '../../config/yaml/environment.js'
import { parseConfig } from '../../config/parse-config.js'
import { formatProblem } from '../../config/problem.js'
import type { Config } from '../../config/schema.js'
import { type SimulatedDevice, startSimulatedDevice } from '../../simulator/simulated-device.js'
import { generatePrivateKey } from '../../ssh/generate-private-key.js'
import { parsePrivateKey } from '../../ssh/private-key.js'
import { publicKeyLine } from '../../ssh/public-key.js'
import { createLog } from '../../telemetry/log.js'
import { createdTokenSchema } from '../../northbound/http/routes/tokens/create.js'
import { type Bridge, startBridge } from '../../app/bridge.js'
import { type ProcessSignals, watchSignals } from '../process-signals.js'
import { askBridge } from '../operator/bridge-client.js'
import { bridgeSocketIn } from '../../app/bridge-socket.js'
import { StartError } from '../../app/start-error.js'
import { commandHere } from './this-program.js'

/** Where clients of the demo connect, if nobody else does. */
const USUAL_ENDPOINT_PORT = 8830
const USUAL_CALL_HOME_PORT = 4334
const USUAL_HTTP_PORT = 8080

/** The demo listens on the loopback address alone, so its passwords are no secrets. */
const user = { name: 'ops', password: 'demo' }
const deviceLogin = { username: 'netconf', password: 'demo-device' }
const SECRET = 'demo-secret'

/** `homeport demo`: the bridge and two simulated devices on this machine alone; prints what to type next. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('run the bridge with two simulated devices on unprivileged ports, and print what to type next')
    .option('--port <port>', `port for clients (default: ${USUAL_ENDPOINT_PORT}, or a free one)`, portNumber)
    .action(async ({ port }: { port?: number }) => {
      const signals = watchSignals('stops')
      const directory = await mkdtemp(join(tmpdir(), 'homeport-demo-'))
      try {
        const host = await loopbackAddress()
        await runDemo(directory, signals, { host, port: port ?? (await usualOrFree(host, USUAL_ENDPOINT_PORT)) })
      } catch (error) {
        if (!(error instanceof StartError)) throw error
        process.stderr.write(`homeport: ${error.message}\n${error.hint}\n`)
        process.exitCode = 1
      } finally {
        await rm(directory, { recursive: true, force: true })
        signals.close()
      }
    })
}

async function runDemo(
  directory: string,
  signals: ProcessSignals,
  at: { readonly host: string; readonly port: number },
): Promise<void> {
  const clientKey = await writeClientKey(join(directory, 'id_ed25519'))
  const routerKey = generatePrivateKey('ed25519', 'router2')
  const config = await demoConfig({ directory, ...at, clientKey, routerKey: publicLineOf(routerKey) })
  const bridge = await startBridge(config, createLog({ level: 'warn', format: 'auto' }))
  const [host, callHomePort] = splitAddress(bridge.addresses.callHome)
  const dial = { bridge: { host, port: callHomePort }, ...deviceLogin, redialDelay: 1_000, retryDelay: 1_000 }
  const devices: SimulatedDevice[] = [
    startSimulatedDevice({ ...dial, id: 'router1', preamble: 'junos', secret: SECRET, dialect: 'junos' }),
    startSimulatedDevice({ ...dial, id: 'router2', preamble: 'none', hostKey: routerKey, dialect: 'plain' }),
  ]
  try {
    await Promise.all(devices.map((device) => device.whenAuthenticated()))
    await writeKnownHosts(directory, bridge)
    process.stdout.write(instructions(directory, bridge, await makeToken(directory)))
    await signals.nextStop()
  } finally {
    await Promise.all(devices.map((device) => device.stop()))
    await bridge.stop()
  }
}

async function demoConfig(demo: {
  readonly directory: string
  /** The loopback address that this machine has. */
  readonly host: string
  readonly port: number
  /** Lines of public keys: what a client logs in with, and what the second device proves itself with. */
  readonly clientKey: string
  readonly routerKey: string
}): Promise<Config> {
  const { directory, host, port, clientKey, routerKey } = demo
  const file = {
    'call-home': { ssh: { address: host, port: await usualOrFree(host, USUAL_CALL_HOME_PORT) } },
    endpoint: {
      ssh: { address: host, port },
      http: { address: host, port: await usualOrFree(host, USUAL_HTTP_PORT) },
    },
    'drain-timeout': '0s',
    credentials: { default: deviceLogin },
    devices: [
      { id: 'router1', secret: SECRET, labels: { site: 'demo' } },
      { id: 'router2', 'host-keys': [routerKey], labels: { site: 'demo' } },
    ],
    users: [
      {
        name: user.name,
        'password-hash': await hashPassword(user.password),
        'authorized-keys': [clientKey],
        roles: ['operator'],
      },
    ],
    'data-dir': directory,
  }
  const parsed = parseConfig({
    text: JSON.stringify(file),
    file: 'demo',
    directory,
    environment: layeredEnvironment([], directory),
  })
  if (!parsed.ok)
    throw new StartError(parsed.problems.map(formatProblem).join('\n'), 'this is a fault of the demo itself')
  return parsed.config
}

/** A token of the demo's user, made as `homeport token create` makes one. */
async function makeToken(directory: string): Promise<string> {
  const body = { user: user.name, description: 'homeport demo' }
  const location = { kind: 'socket', path: bridgeSocketIn(directory) } as const
  const answer = await askBridge(location, { method: 'POST', path: '/api/v1/tokens', body })
  if (!answer.ok) throw new StartError(answer.problem.message, answer.problem.hint ?? '')
  return createdTokenSchema.parse(JSON.parse(answer.text)).token
}

function instructions(directory: string, { addresses }: Bridge, token: string): string {
  const [host, port] = splitAddress(addresses.endpoint)
  const ssh = [
    `ssh -p ${port} -i ${join(directory, 'id_ed25519')} -o IdentitiesOnly=yes`,
    `-o UserKnownHostsFile=${join(directory, 'known_hosts')}`,
  ].join(' ')
  const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
  const session = [
    `<hello xmlns="${base}"><capabilities>`,
    '<capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>',
    `<rpc message-id="1" xmlns="${base}"><get-config><source><running/></source></get-config></rpc>]]>]]>`,
    `<rpc message-id="2" xmlns="${base}"><close-session/></rpc>]]>]]>`,
  ].join('')
  const python = pythonWithNcclient()
  const command = commandHere({ script: process.argv[1], node: process.execPath })
  const ncclient = [
    `${python.command} -c 'from ncclient import manager;`,
    `m = manager.connect(host="${host}", port=${port}, username="${user.name}@router2", password="${user.password}",`,
    `hostkey_verify=False, look_for_keys=False, allow_agent=False); print(m.session_id, m.get_config("running"))'`,
  ].join(' ')
  return `
Homeport runs. Two simulated devices have called home to ${addresses.callHome}:
  router1   Junos dialect, proven by the HMAC of its initiation sequence
  router2   plain RFC 8071, proven by its host key

Reach them on ${host} port ${port} as ${user.name}@DEVICE, with the key below or the password "${user.password}".

A session by hand (ends with Ctrl-D):

  ${ssh} -s ${user.name}@router1@${host} netconf

A whole session at once:

  printf '%s' '${session}' | ${ssh} -s ${user.name}@router1@${host} netconf

ncclient${python.found ? '' : ' (first: sudo apt-get install python3-ncclient)'}:

  ${ncclient}

The HTTP API (its documentation is ${addresses.http ?? ''}/docs):

  curl -u ${user.name}:${user.password} ${addresses.http ?? ''}/api/v1/devices

For the commands of homeport, and for the examples of docs/http.md, in the shell where you try them:

  export HOMEPORT_URL=${addresses.http ?? ''} HOMEPORT_TOKEN=${token}
${command === undefined ? '' : `  ${command}\n`}  homeport devices list

Stop with Ctrl-C.
`
}

/** The Python that has ncclient; Debian's own where another one stands before it on the path. */
function pythonWithNcclient(): { readonly command: string; readonly found: boolean } {
  const command = ['python3', '/usr/bin/python3'].find(
    (python) => spawnSync(python, ['-c', 'import ncclient'], { stdio: 'ignore' }).status === 0,
  )
  return command === undefined ? { command: '/usr/bin/python3', found: false } : { command, found: true }
}

async function writeClientKey(file: string): Promise<string> {
  const text = generatePrivateKey('ed25519', 'homeport-demo')
  await writeFile(file, text, { mode: 0o600 })
  return publicLineOf(text)
}

async function writeKnownHosts(directory: string, { addresses, hostKeys }: Bridge): Promise<void> {
  const [host, port] = splitAddress(addresses.endpoint)
  await writeFile(join(directory, 'known_hosts'), hostKeys.map((line) => `[${host}]:${port} ${line}\n`).join(''))
}

function publicLineOf(privateKeyText: string): string {
  const parsed = parsePrivateKey(privateKeyText)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return publicKeyLine({ type: parsed.key.type, blob: parsed.key.getPublicSSH() })
}

/** Of `127.0.0.1:8830`, or `[::1]:8830`, whose brackets stand in URLs alone. */
function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':')
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))]
}

/** Some machines have IPv6 alone. */
async function loopbackAddress(): Promise<string> {
  return (await isFree('127.0.0.1', 0)) ? '127.0.0.1' : '::1'
}

/** The usual port, or 0 for a free one when somebody else has it. */
async function usualOrFree(host: string, port: number): Promise<number> {
  return (await isFree(host, port)) ? port : 0
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host, port }, () => probe.close(() => resolve(true)))
  })
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('expected a port, 1 to 65535.')
  return port
}
