import { Command, InvalidArgumentError, Option } from 'commander'
import { faultOfNodeId, nodePrincipal } from '../../cluster/node-id.js'
import { parseExactNetworks } from '../../net/ip.js'
import type { GeneratedKeyType } from '../../ssh/generate-private-key.js'
import { CA_ROLES, caDirectory, type CaPlace } from './ca-directory.js'
import { initCa } from './ca-init.js'
import { showCa } from './ca-show.js'
import { signWithCa } from './ca-sign.js'
import { type CertificateValidity, readValidity } from './certificate-validity.js'
import { type CommandIo, processIo } from '../command-io.js'
import type { FailureText } from '../command-failure.js'
import { configOption } from '../config-option.js'

interface SignOptions extends CaPlace {
  readonly principals: readonly string[]
  readonly id?: string
  readonly validity: CertificateValidity
  readonly serial?: bigint
  readonly out?: string
}

const YEAR: CertificateValidity = 52 * 604_800

/** `homeport ca …`: an own certificate authority in OpenSSH's formats. */
export function caCommand(io: CommandIo = processIo(), now: () => Date = () => new Date()): Command {
  return new Command('ca')
    .description(
      'an own CA for the host keys of devices, for the keys that log in to them, and for the nodes of a cluster',
    )
    .addCommand(initCommand(io))
    .addCommand(showCommand(io))
    .addCommand(signHostCommand(io, now))
    .addCommand(signUserCommand(io, now))
    .addCommand(signNodeCommand(io, now))
}

interface InitOptions extends CaPlace {
  readonly type: GeneratedKeyType
  readonly cluster?: true
}

function initCommand(io: CommandIo): Command {
  return placed(new Command('init'))
    .description('make the host CA and the user CA; what is there already is kept')
    .option('--cluster', 'make the CA of a cluster too, by which its nodes know each other')
    .addOption(
      new Option('--type <type>', 'of both keys: some older devices know RSA alone')
        .choices(['ed25519', 'ecdsa', 'rsa'])
        .default('ed25519'),
    )
    .action(async ({ type, cluster, ...place }: InitOptions) => {
      const directory = caDirectory(place, io)
      const roles = cluster === true ? [...CA_ROLES, 'cluster' as const] : CA_ROLES
      if (directory !== undefined) await initCa({ directory, roles, type }, io)
    })
}

function showCommand(io: CommandIo): Command {
  return placed(new Command('show'))
    .description('print the public keys, and what known_hosts and devices need to trust them')
    .option('--json', 'print JSON on standard output')
    .action(async ({ json, ...place }: CaPlace & { readonly json?: true }) => {
      const directory = caDirectory(place, io)
      if (directory !== undefined) await showCa(directory, json === true, io)
    })
}

function signHostCommand(io: CommandIo, now: () => Date): Command {
  return signing(new Command('sign-host'), 'the device id and the names it is reached by, in lower case')
    .description("certify a device's host key")
    .argument('<file.pub>', "the device's public host key, such as ssh_host_ed25519_key.pub")
    .action(async (file: string, { dir, config, id, ...options }: SignOptions) => {
      const directory = caDirectory(place(dir, config), io)
      const order = {
        ca: 'host' as const,
        roles: ['host'] as const,
        file,
        ...options,
        ...(id === undefined ? {} : { keyId: id }),
      }
      if (directory !== undefined) await signWithCa({ ...order, directory, now: now() }, io)
    })
}

interface SignUserOptions extends SignOptions {
  readonly forceCommand?: string
  readonly sourceAddress?: string
}

function signUserCommand(io: CommandIo, now: () => Date): Command {
  return signing(new Command('sign-user'), 'what the key may log in as')
    .description('certify a key that logs in')
    .argument('<file.pub>', 'its public key, such as id_ed25519.pub')
    .option('--force-command <command>', 'the only thing it may run; on the bridge: netconf')
    .option('--source-address <list>', 'addresses and networks it may come from, separated by commas', readNetworks)
    .action(async (file: string, { dir, config, id, forceCommand, sourceAddress, ...options }: SignUserOptions) => {
      const directory = caDirectory(place(dir, config), io)
      const criticalOptions = {
        ...(forceCommand === undefined ? {} : { 'force-command': forceCommand }),
        ...(sourceAddress === undefined ? {} : { 'source-address': sourceAddress }),
      }
      const order = {
        ca: 'user' as const,
        roles: ['user'] as const,
        file,
        ...options,
        criticalOptions,
        ...(id === undefined ? {} : { keyId: id }),
      }
      if (directory !== undefined) await signWithCa({ ...order, directory, now: now() }, io)
    })
}

interface SignNodeOptions extends CaPlace, Pick<SignOptions, 'validity' | 'out'> {
  readonly node: string
}

function signNodeCommand(io: CommandIo, now: () => Date): Command {
  return outcome(placed(new Command('sign-node')))
    .description('certify the key of a node of a cluster')
    .argument('<file.pub>', "the node's public key, such as node.pub; an Ed25519 key")
    .requiredOption('--node <id>', 'the id of the node, as its cluster.node has it', readNodeId)
    .action(async (file: string, { dir, config, node, ...options }: SignNodeOptions) => {
      const directory = caDirectory(place(dir, config), io)
      if (directory === undefined) return
      const principals = [nodePrincipal(node)]
      await signWithCa(
        {
          ca: 'cluster',
          // By one of them it is known when it is dialled, by the other when it dials.
          roles: ['host', 'user'],
          extensions: [],
          objectTo: ({ type }) => (type === 'ssh-ed25519' ? undefined : notEd25519(type)),
          file,
          directory,
          principals,
          now: now(),
          ...options,
        },
        io,
      )
    })
}

function notEd25519(type: string): FailureText {
  return {
    message: `it is a key of type ${type}, and nodes know each other by Ed25519 keys alone`,
    hint: "make one on the node with `ssh-keygen -t ed25519 -N '' -f node`, and sign its node.pub",
  }
}

function placed(command: Command): Command {
  return command
    .option('--dir <dir>', 'directory of the CA (default: ca in the configured data-dir)')
    .addOption(configOption())
}

function signing(command: Command, principals: string): Command {
  return outcome(placed(command))
    .requiredOption('--principals <list>', `${principals}, separated by commas`, readPrincipals)
    .option('--id <text>', 'key id, shown in logs (default: the first principal)', readKeyId)
    .option('--serial <n>', 'serial number (default: a random one)', readSerial)
}

/** For how long a certificate is valid, and where it goes. */
function outcome(command: Command): Command {
  return command
    .addOption(
      new Option('--validity <time>', 'from now on, such as 52w, 1w2d, 12h, or always')
        .argParser(readPeriod)
        .default(YEAR, '52w'),
    )
    .option('--out <file>', 'the certificate (default: FILE-cert.pub, as ssh-keygen names it)')
}

function place(dir: string | undefined, config: string | undefined): CaPlace {
  return { ...(dir === undefined ? {} : { dir }), ...(config === undefined ? {} : { config }) }
}

function readPrincipals(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Give names separated by commas: router1,router1.example.')
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) throw new InvalidArgumentError('A principal has printable characters only.')
  return [...new Set(names)]
}

function readNodeId(text: string): string {
  const fault = faultOfNodeId(text)
  if (fault === undefined) return text
  throw new InvalidArgumentError(`${fault}.`)
}

function readKeyId(text: string): string {
  if (text !== '' && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) return text
  throw new InvalidArgumentError('Give some printable text.')
}

function readPeriod(text: string): CertificateValidity {
  const validity = readValidity(text)
  if (validity !== undefined) return validity
  throw new InvalidArgumentError('Give a time such as 52w, 1w2d, 12h or 30m, at most 5200w, or always.')
}

function readSerial(text: string): bigint {
  const serial = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n
  if (serial >= 0n && serial < 1n << 64n) return serial
  throw new InvalidArgumentError('Give a whole number from 0 to 18446744073709551615.')
}

function readNetworks(text: string): string {
  const list = text
    .split(',')
    .map((item) => item.trim())
    .join(',')
  if (parseExactNetworks(list) !== undefined) return list
  throw new InvalidArgumentError('Give addresses or networks separated by commas: 192.0.2.0/24,2001:db8::1.')
}
