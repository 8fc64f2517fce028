import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { addDeviceOver } from '../../../src/cli/operator/add-device.js'
import { caCommand } from '../../../src/cli/ca/ca.js'
import { layeredEnvironment } from '../../../src/config/yaml/environment.js'
import { parseConfig } from '../../../src/config/parse-config.js'
import type { AddedDevice } from '../../../src/fleet/enrolment/enrolment.js'
import { parseXml } from '../../../src/netconf/xml/xml-parse.js'
import { elementsOf, textOf, type XmlElement } from '../../../src/netconf/xml/xml-tree.js'
import { entriesFor, parseKnownHosts } from '../../../src/ssh/known-hosts.js'
import type { KeyPair } from '../../ssh/ssh-keygen.js'
import { recordedIo } from '../recorded-io.js'
import { byHandIn, junosStatements, onboardingRoom, statementWith, unreachable } from './onboarding-room.js'

const { cwd: directory, keys, configure, onboard, shown } = onboardingRoom()
let cwd = ''
let key: KeyPair
beforeAll(async () => {
  key = await keys().key('login')
})
beforeEach(() => {
  cwd = directory()
})

/** Ids that would end a string, a line or a statement somewhere, or be taken for a pattern or an expression. */
const nastyIds = [
  'router1',
  'rack 12; unit 3',
  'a"b',
  "it's",
  'back\\slash',
  'ends with \\',
  '"; delete system',
  '<id>&amp;',
  '${HOME} $1 %h %%',
  '{{ lookup }} {% x %}',
  '# not: a comment',
  '- [1:3] *?!',
  '-x',
  'yes',
  '007',
  'ルータ１',
  '\'\'\'"""',
]

describe('onboard for junos', () => {
  it('prints all of §1.4 and adds the device with the same secret', async () => {
    const { json, status, added } = await shown(['router1'])
    expect(status).toBe(0)
    const { steps, secret } = json
    expect(Buffer.from(secret ?? '', 'base64url')).toHaveLength(32)
    expect(added).toEqual([{ deviceId: 'router1', vendor: 'junos', credentials: 'default', secret }])
    const client = ['set', 'system', 'services', 'outbound-ssh', 'client', 'homeport']
    for (const words of [
      ['set', 'system', 'login', 'user', 'netconf', 'class', 'super-user'],
      ['set', 'system', 'login', 'user', 'netconf', 'authentication', 'plain-text-password'],
      ['set', 'system', 'services', 'netconf', 'ssh'],
      ['set', 'system', 'services', 'netconf', 'rfc-compliant'],
      [...client, 'device-id', 'router1'],
      [...client, 'secret', secret],
      [...client, 'keep-alive', 'retry', '3', 'timeout', '15'],
      [...client, 'reconnect-strategy', 'in-order'],
      [...client, 'services', 'netconf'],
      [...client, 'Bridge.example', 'port', '4334'],
      ['set', 'system', 'services', 'netconf', 'yang-compliant'],
    ])
      expect(junosStatements(steps)).toContainEqual(words)
    expect(steps.at(-1)?.text).toMatch(/\ncommit$/)
  })

  it('asks for the password in the last line of its step, where nothing can be taken for the answer', async () => {
    const { json, stdout } = await shown(['router1'])
    const step = json.steps.find(({ text }) => text.includes('plain-text-password'))
    expect(step?.text).toMatch(/plain-text-password$/)
    expect(stdout).not.toContain('never-shown')
  })

  it('shows the secret in one place alone, where it is to be pasted', async () => {
    const { stdout, stderr, added } = await onboard(['router1'])
    const secret = added[0]?.secret ?? ''
    expect(stdout.split(secret)).toHaveLength(2)
    expect(stderr).not.toContain(secret)
    expect(stdout).toMatch(/\n# The bridge knows router1 now: it attaches as soon as it dials in with this secret\n$/)
  })

  it.each(['ed25519', 'ecdsa-384', 'rsa'] as const)('gives the device the public half of the %s key', async (kind) => {
    const pair = await keys().key('login', kind)
    await configure({ username: 'netconf', 'private-key': pair.path })
    const { json, stdout } = await shown(['router1'])
    const statement = statementWith(json.steps, 'authentication')
    const type = { ed25519: 'ssh-ed25519', 'ecdsa-384': 'ssh-ecdsa', rsa: 'ssh-rsa' }[kind]
    expect(statement?.slice(-2)).toEqual([type, pair.line.split(' ').slice(0, 2).join(' ')])
    expect(stdout).not.toContain('plain-text-password')
    expect(stdout).not.toContain('PRIVATE KEY')
  })

  it('sets up certificates, both ends, before the call-home client is committed', async () => {
    await caCommand(recordedIo({ cwd }).io).parseAsync(['init'], { from: 'user' })
    const { json, status } = await shown(['Router1', '--auth', 'certificate', '--user', 'lab'])
    expect(status).toBe(0)
    const text = json.steps.map((step) => step.text).join('\n')
    expect(text).toContain(`scp ${join(cwd, 'config/data/ca/user_ca.pub')} ADMIN@DEVICE:/var/tmp/user_ca.pub`)
    expect(text).toMatch(/homeport ca sign-host ssh_host_rsa_key\.pub --dir \S+ --principals router1\n/)
    const ssh = ['set', 'system', 'services', 'ssh']
    const statements = junosStatements(json.steps)
    expect(statements).toContainEqual([...ssh, 'trusted-user-ca-key-file', '/var/tmp/user_ca.pub'])
    expect(statements).toContainEqual([...ssh, 'authorized-principals', 'lab'])
    expect(statements).toContainEqual([...ssh, 'host-certificate-file', '/var/tmp/ssh_host_rsa_key-cert.pub'])
    expect(text.indexOf('\ncommit\n')).toBeGreaterThan(text.indexOf('host-certificate-file'))
    expect(text.indexOf('\ncommit\n')).toBeLessThan(text.indexOf('outbound-ssh'))
    expect(text).not.toMatch(/authentication (plain|ssh)/)
  })

  it('uses the secret of a device that is configured, and adds nothing', async () => {
    await configure(undefined, { devices: [{ id: 'Router1', secret: 'configured one' }] })
    const { json, status, added } = await shown(['router1'])
    expect([status, added]).toEqual([0, []])
    expect(statementWith(json.steps, 'secret')?.at(-1)).toBe('configured one')
    expect(statementWith(json.steps, 'device-id')?.at(-1)).toBe('Router1')
  })
})

describe('onboard without a bridge that takes the device', () => {
  it('prints everything and what to configure by hand when none runs', async () => {
    const { json, status, stderr, stdout } = await shown(['router 1'], unreachable)
    expect([status, json.bridge.added]).toEqual([1, false])
    expect(stderr).toMatch(/no bridge is running here\nstart it\n$/)
    expect(stderr).not.toContain(json.secret)
    expect(stdout).toContain('outbound-ssh')
    const [yaml, env] = byHandIn(json.steps)
    const [, name = ''] = /^(\w+)=/.exec(env?.text ?? '') ?? []
    expect(env?.text).toBe(`${name}=${json.secret}`)
    const credentials = 'credentials: { default: { username: a, password: b } }\n'
    const parsed = parseConfig({
      text: credentials + yaml?.text,
      file: 'x',
      directory: cwd,
      environment: layeredEnvironment([{ [name]: json.secret ?? '' }], cwd),
    })
    expect(parsed).toMatchObject({ ok: true, config: { devices: [{ id: 'router 1', secret: json.secret }] } })
    // The bridge is started with all that it needs, before its device dials.
    const titles = json.steps.map(({ title }) => title)
    expect(titles[titles.indexOf(env?.title ?? '') + 1]).toMatch(/^On the bridge: check that, then start it/)
    expect(titles.findIndex((title) => title.startsWith('On the device'))).toBeGreaterThan(
      titles.indexOf(env?.title ?? ''),
    )
  })

  it('prints nothing to paste when the bridge refuses: it holds another secret', async () => {
    const refusal = { ok: false, cause: 'refused', message: 'router1 is known already', hint: 'forget it' } as const
    const output = await onboard(['router1'], refusal)
    expect(output).toMatchObject({ status: 1, stdout: '' })
    expect(output.stderr).toBe('homeport: router1 is known already\nforget it\n')
  })
})

describe('onboard for rfc8071', () => {
  const at = (root: XmlElement, ...path: readonly string[]): XmlElement => {
    const found = path.reduce<XmlElement | undefined>(
      (element, name) => (element === undefined ? undefined : elementsOf(element).find((child) => child.name === name)),
      root,
    )
    if (found === undefined) throw new Error(`no ${path.join('/')}`)
    return found
  }

  it('prints the configuration of ietf-netconf-server', async () => {
    await configure({ username: 'net<conf>', 'private-key': key.path })
    const { json, added } = await shown(['switch1', '--vendor', 'rfc8071', '--port', '4444', '--bridge', '2001:db8::1'])
    expect(json.secret).toBeNull()
    expect(added).toEqual([{ deviceId: 'switch1', vendor: 'rfc8071', credentials: 'default' }])
    const parsed = parseXml(json.steps[0]?.text ?? '')
    if (!parsed.ok) throw new Error(parsed.error.cause)
    expect(parsed.value).toMatchObject({
      name: 'netconf-server',
      namespace: 'urn:ietf:params:xml:ns:yang:ietf-netconf-server',
    })
    const client = at(parsed.value, 'call-home', 'netconf-client')
    const ssh = at(client, 'endpoints', 'endpoint', 'ssh')
    expect(textOf(at(ssh, 'tcp-client-parameters', 'remote-address'))).toBe('2001:db8::1')
    expect(textOf(at(ssh, 'tcp-client-parameters', 'remote-port'))).toBe('4444')
    const user = at(ssh, 'ssh-server-parameters', 'client-authentication', 'users', 'user')
    expect(textOf(at(user, 'name'))).toBe('net<conf>')
    expect(textOf(at(user, 'public-keys', 'inline-definition', 'public-key', 'public-key'))).toBe(
      key.line.split(' ')[1],
    )
    at(client, 'connection-type', 'persistent')
    expect(textOf(at(client, 'reconnect-strategy', 'start-with'))).toBe('first-listed')
  })

  it('leaves the password to who pastes, and tells of the approval', async () => {
    const { stdout, status } = await onboard(['switch1', '--vendor', 'rfc8071'])
    expect(status).toBe(0)
    expect(stdout).toContain('<hashed-password>$0$PASSWORD</hashed-password>')
    expect(stdout).not.toContain('never-shown')
    expect(stdout).toMatch(/pending until its host key is approved/)
  })

  it('has no OpenSSH certificates', async () => {
    expect(await onboard(['switch1', '--vendor', 'rfc8071', '--auth', 'certificate'])).toMatchObject({
      status: 2,
      stdout: '',
      added: [],
    })
  })
})

describe('onboard for the NMS', () => {
  it("puts the bridge's host keys into known_hosts, from the public halves", async () => {
    await mkdir(join(cwd, 'config/data'))
    await writeFile(join(cwd, 'config/data/ssh_host_ed25519_key.pub'), `${key.line}\n`)
    const ecdsa = await keys().key('host', 'ecdsa-256')
    await writeFile(join(cwd, 'config/data/ssh_host_ecdsa_key'), await readFile(ecdsa.path))
    const { json } = await shown(['router1'])
    const { entries, problems } = parseKnownHosts(json.nms.knownHosts.join('\n'))
    expect(problems).toEqual([])
    expect(entriesFor(entries, 'bridge.example', 830).map((entry) => entry.key.blob)).toEqual([
      key.publicKey.blob,
      ecdsa.publicKey.blob,
    ])
  })

  it('puts the CA that certifies them first, which is all that OpenSSH needs', async () => {
    const ca = await keys().key('bridge-ca')
    await configure(undefined, { endpoint: { ssh: { 'host-ca': ca.path } } })
    const { json } = await shown(['router1'])
    expect(json.nms.knownHosts[0]).toBe(`@cert-authority * ${ca.line.split(' ').slice(0, 2).join(' ')}`)
  })

  it('says how to get them when the bridge has none yet', async () => {
    const { stdout } = await onboard(['router1'])
    expect(stdout).toContain('ssh-keyscan -p 830 Bridge.example')
  })

  it.each(nastyIds)('every language reads exactly this id: %s', async (id) => {
    const login = `netops@${id}`
    const { json } = await shown(['--', id])
    expect(statementWith(json.steps, 'device-id')).toEqual([
      'set',
      'system',
      'services',
      'outbound-ssh',
      'client',
      'homeport',
      'device-id',
      id,
    ])
    expect(junosStatements(json.steps)).toHaveLength(11)

    const file = join(cwd, 'ssh_config')
    await writeFile(file, json.nms.sshConfig)
    const [, alias = ''] = /^Host (\S+)$/m.exec(json.nms.sshConfig) ?? []
    // OpenSSH 10 reads these as its own: who pastes is told.
    if (/%|\$\{/.test(id)) expect(json.nms.sshConfig).toMatch(/# OpenSSH 10 .*\n {4}User /)
    else {
      const settings = execFileSync('ssh', ['-G', '-F', file, alias], { stdio: ['ignore', 'pipe', 'ignore'] })
      expect(settings.toString().split('\n')).toEqual(
        expect.arrayContaining([`user ${login}`, 'hostname bridge.example', 'port 830']),
      )
    }

    const program = `
import ast, json, sys
class Words(ast.NodeVisitor):
    found = {}
    def visit_keyword(self, node):
        if isinstance(node.value, ast.Constant): self.found[node.arg] = node.value.value
for text in json.load(sys.stdin): Words().visit(ast.parse(text))
print(json.dumps(Words.found))`
    const words: unknown = JSON.parse(
      execFileSync('python3', ['-c', program], {
        input: JSON.stringify([json.nms.ncclient, json.nms.pyez]),
        encoding: 'utf8',
      }),
    )
    expect(words).toMatchObject({ host: 'Bridge.example', port: 830, username: login, user: login })

    // What Ansible would take for an expression is marked as none.
    expect(/ansible_user: (!unsafe )?/.exec(json.nms.ansible)?.[1] !== undefined).toBe(/\{\{|\{%/.test(id))
    const inventory = json.nms.ansible.replaceAll('!unsafe ', '')
    expect(parse(inventory)).toMatchObject({
      all: { hosts: { [alias]: { ansible_host: 'Bridge.example', ansible_port: 830, ansible_user: login } } },
    })

    const byHand = (await shown(['--', id], unreachable)).json
    const [yaml, env] = byHandIn(byHand.steps)
    const [, name = ''] = /^([A-Z0-9_]+)=/.exec(env?.text ?? '') ?? []
    const parsed = parseConfig({
      text: `credentials: { default: { username: a, password: b } }\n${yaml?.text}`,
      file: 'x',
      directory: cwd,
      environment: layeredEnvironment([{ [name]: byHand.secret ?? '' }], cwd),
    })
    expect(parsed).toMatchObject({ ok: true, config: { devices: [{ id, secret: byHand.secret }] } })
  })

  it.each(['a\nb', 'a\rset system', 'tab\there', 'user@device', '', ' a', 'x'.repeat(256)])(
    'an id that no login can name is wrong usage: %j',
    async (id) => {
      expect(await onboard([id])).toMatchObject({ status: 2, stdout: '', added: [] })
    },
  )

  it.each([
    ['--bridge', 'a b'],
    ['--port', '0'],
    ['--user', 'a b'],
    ['--vendor', 'other'],
    ['--auth', 'none'],
  ])('%s %s is wrong usage', async (...option) => {
    expect(await onboard(['router1', ...option])).toMatchObject({ status: 2, stdout: '', added: [] })
  })
})

describe("adding a device over the operator's socket", () => {
  let received: { readonly url: string; readonly body: string }[] = []
  let stop: (() => Promise<void>) | undefined
  afterEach(async () => {
    await stop?.()
    stop = undefined
    received = []
  })

  async function bridge(answer: (response: ServerResponse) => void): Promise<string> {
    const socket = join(cwd, 'homeport.sock')
    const server = createServer((request: IncomingMessage, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        received.push({ url: `${request.method} ${request.url}`, body })
        answer(response)
      })
    })
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    stop = () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
    return socket
  }

  const device: AddedDevice = { deviceId: 'rück 1', secret: 's3cret', vendor: 'junos', credentials: 'default' }

  it('posts it as JSON', async () => {
    const socket = await bridge((response) => response.writeHead(201).end('{}'))
    expect(await addDeviceOver(socket)(device)).toEqual({ ok: true })
    expect(received.map(({ url }) => url)).toEqual(['POST /api/v1/devices'])
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      id: 'rück 1',
      secret: 's3cret',
      vendor: 'junos',
      credentials: 'default',
    })
  })

  it('tells a refusal with its problem details', async () => {
    const details = {
      type: 'urn:homeport:problem:already-known',
      title: 'Already known',
      status: 409,
      detail: 'it is known',
      hint: 'forget it',
    }
    const socket = await bridge((response) => response.writeHead(409).end(JSON.stringify(details)))
    expect(await addDeviceOver(socket)(device)).toEqual({
      ok: false,
      cause: 'refused',
      message: 'it is known',
      hint: 'forget it',
    })
  })

  it.each(['<html>', 'null', '{"title":"Known","detail":7}'])(
    'does not take %s for the answer of a bridge',
    async (body) => {
      const socket = await bridge((response) => response.writeHead(409).end(body))
      const told = await addDeviceOver(socket)(device)
      expect(told).toMatchObject({
        ok: false,
        cause: 'unreachable',
        message: expect.stringContaining('answers with status 409'),
      })
    },
  )

  it('tells that no bridge answers', async () => {
    const missing = await addDeviceOver(join(cwd, 'none.sock'))(device)
    expect(missing).toMatchObject({
      ok: false,
      cause: 'unreachable',
      message: expect.stringContaining('homeport serve'),
    })
    const silent = await addDeviceOver(await bridge(() => undefined), 50)(device)
    expect(silent).toMatchObject({
      ok: false,
      cause: 'unreachable',
      message: expect.stringContaining('does not answer'),
    })
    await stop?.()
    const brokenOff = await addDeviceOver(await bridge((response) => response.destroy()))(device)
    expect(brokenOff).toMatchObject({ ok: false, cause: 'unreachable' })
    await stop?.()
    const halfway = await addDeviceOver(
      await bridge((response) => {
        response.writeHead(201, { 'content-length': '9' })
        response.write('{')
        setTimeout(() => response.destroy(), 20)
      }),
    )(device)
    expect(halfway).toMatchObject({ ok: false, cause: 'unreachable' })
    for (const told of [missing, silent, brokenOff, halfway]) expect(JSON.stringify(told)).not.toContain('s3cret')
  })
})
