import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { caCommand } from '../../../src/cli/ca/ca.js'
import type { Step } from '../../../src/cli/onboard/onboarding.js'
import { recordedIo } from '../recorded-io.js'
import { onboardingRoom, statementWith } from './onboarding-room.js'

const { cwd, keys, configure, onboard, shown } = onboardingRoom()

const ofBridge = (steps: readonly Step[]): readonly Step[] =>
  steps.filter(({ title }) => title.startsWith('On the bridge'))

/** Runs the lines of a step as somebody would who pastes them, `homeport ca` in this process. */
async function paste({ text }: Step): Promise<void> {
  for (const line of text.split('\n')) {
    const [, words] = /^homeport ca (.*)$/.exec(line) ?? []
    if (words === undefined) execFileSync('/bin/sh', ['-c', line], { cwd: cwd(), stdio: 'pipe' })
    else {
      const { io, output } = recordedIo({ cwd: cwd() })
      await caCommand(io).parseAsync(words.split(' '), { from: 'user' })
      expect(output).toMatchObject({ status: 0, stderr: '' })
    }
  }
}

/** Does all that the bridge's half says, the configuration included, as far as it is there. */
async function doAll(steps: readonly Step[], config: Record<string, object>): Promise<void> {
  let merged = config
  for (const step of ofBridge(steps)) {
    if (step.text.startsWith('homeport check-config')) continue
    if (!/^(credentials|trust):/.test(step.text)) await paste(step)
    else merged = { ...merged, ...(parse(step.text) as Record<string, object>) }
  }
  await writeFile(join(cwd(), 'config/homeport.yaml'), JSON.stringify(merged))
}

describe("the bridge's half of onboard", () => {
  it('is nothing where the configuration has what the bridge logs in with', async () => {
    const { json, stdout } = await shown(['router1'])
    expect([ofBridge(json.steps), stdout]).toEqual([[], expect.not.stringContaining('never-shown')])
    expect((await onboard(['router1'])).stdout).toContain('# credentials.default log in as netconf with their password')
  })

  it('password: the stanza, and where the password goes', async () => {
    await writeFile(join(cwd(), 'config/homeport.yaml'), '{}')
    const { json, stderr } = await shown(['router1', '--auth', 'password', '--credentials', 'lab'])
    const [stanza, environment] = ofBridge(json.steps)
    expect(parse(stanza?.text ?? '')).toEqual({
      credentials: { lab: { username: 'netconf-user', password: '${DEVICE_LAB_PASSWORD}' } },
    })
    expect(json.steps.find(({ title }) => title.startsWith('In .env'))?.text).toBe("DEVICE_LAB_PASSWORD='…'")
    expect(environment?.text).toMatch(/^homeport check-config --config config\/homeport.yaml$/)
    expect(stderr).toContain('note: credentials.lab is not in the configuration yet')
  })

  it.each(['rsa', 'ed25519', 'ecdsa'] as const)('key: makes one of type %s, once', async (type) => {
    await configure({ username: 'netconf', password: 'never-shown' })
    const words = ['router1', '--auth', 'key', '--key-type', type]
    const before = await shown(words)
    expect(before.status).toBe(0)
    expect(statementWith(before.json.steps, 'load-key-file')?.at(-1)).toBe(`/var/tmp/id_${type}.pub`)
    const scp = before.json.steps.find(({ text }) => text.startsWith('scp '))?.text
    expect(scp).toBe(`scp ${join(cwd(), `config/keys/id_${type}.pub`)} ADMIN@DEVICE:/var/tmp/id_${type}.pub`)

    await doAll(before.json.steps, {})
    const key = await readFile(join(cwd(), `config/keys/id_${type}.pub`), 'utf8')
    const after = (await shown(words)).json
    expect(ofBridge(after.steps)).toEqual([])
    const statement = { rsa: 'ssh-rsa', ed25519: 'ssh-ed25519', ecdsa: 'ssh-ecdsa' }[type]
    expect(statementWith(after.steps, statement)?.at(-1)).toBe(key.split(' ').slice(0, 2).join(' '))
    expect(after.steps.some(({ text }) => text.startsWith('scp '))).toBe(false)
  })

  it('key: one that was made, but is not in the configuration yet, is not made again', async () => {
    const words = ['router1', '--auth', 'key', '--key-type', 'ed25519']
    const [make] = ofBridge((await shown(words)).json.steps)
    await paste(make ?? { title: '', text: 'false' })
    const { json } = await shown(words)
    expect(ofBridge(json.steps).map(({ text }) => text)).toEqual([
      'credentials:\n  default:\n    username: netconf\n    private-key: keys/id_ed25519',
      'homeport check-config --config config/homeport.yaml',
    ])
    expect(statementWith(json.steps, 'authentication')).toContain('ssh-ed25519')
  })

  it('certificate: CAs, key, certificate, trust and stanza, once', async () => {
    const words = ['router1', '--auth', 'certificate', '--key-type', 'ed25519']
    const before = await shown(words)
    expect(before.status).toBe(0)
    expect(ofBridge(before.json.steps).map(({ text }) => text.split(' ').slice(0, 3).join(' '))).toEqual([
      'homeport ca init',
      expect.stringMatching(/^mkdir -p/),
      'homeport ca sign-user',
      'echo "@cert-authority *',
      expect.stringMatching(/^credentials:/),
      'homeport check-config --config',
    ])
    await doAll(before.json.steps, {})
    const after = (await shown(['router1'])).json
    expect(ofBridge(after.steps)).toEqual([])
    expect(statementWith(after.steps, 'trusted-user-ca-key-file')).toBeDefined()
    expect(statementWith(after.steps, 'host-certificate-file')).toBeDefined()
  })

  it('certificate: a bridge that signs for itself needs no key', async () => {
    await configure({ username: 'netconf', 'user-ca': (await keys().key('own-ca')).path, principals: ['lab', 'ops'] })
    const { json } = await shown(['router1'])
    expect(ofBridge(json.steps)).toEqual([])
    expect(statementWith(json.steps, 'authorized-principals')?.slice(-2)).toEqual(['lab', 'ops'])
    expect(json.steps[0]?.text).toMatch(/^scp \S*\/(own-ca\S*\.pub) ADMIN@DEVICE:\/var\/tmp\/\1$/)
  })

  it('certificate: needs the public half of the CA that signed the one in the configuration', async () => {
    const [ca, pair] = [await keys().key('user_ca'), await keys().key('certified')]
    await keys().run('-q', '-s', ca.path, '-I', 'nms', '-n', 'netconf', `${pair.path}.pub`)
    await configure({ username: 'netconf', 'private-key': pair.path, certificate: `${pair.path}-cert.pub` })
    const missing = await onboard(['router1'])
    expect(missing).toMatchObject({ status: 1, stdout: '', added: [] })
    expect(missing.stderr).toMatch(/user_ca\.pub: there is no such file\nname the directory of the CA .* --ca-dir\n$/)
    await mkdir(join(cwd(), 'ca'))
    await writeFile(join(cwd(), 'ca/user_ca.pub'), ca.line)
    const { json } = await shown(['router1', '--ca-dir', 'ca'])
    expect(ofBridge(json.steps)).toEqual([])
    expect(json.steps[0]?.text).toBe(`scp ${join(cwd(), 'ca/user_ca.pub')} ADMIN@DEVICE:/var/tmp/user_ca.pub`)
  })
})

describe('several bridges', () => {
  it('are tried in their order, with ports of their own, by the strategy that is given', async () => {
    const words = ['--bridge=a.example', '--bridge', '[2001:db8::1]:4400', '--bridge', '2001:db8::2']
    const { json } = await shown(['router1', ...words, '--reconnect-strategy', 'sticky', '--port', '4335'])
    const client = (await shown(['router1', ...words])).json.steps.at(-1)?.text ?? ''
    expect(client).toContain('reconnect-strategy in-order\n')
    const lines = (json.steps.at(-1)?.text ?? '').split('\n').filter((line) => / port \d+$/.test(line))
    expect(lines.map((line) => line.replace(/^.* homeport /, ''))).toEqual([
      'a.example port 4335',
      '2001:db8::1 port 4400',
      '2001:db8::2 port 4335',
    ])
    expect(statementWith(json.steps, 'reconnect-strategy')?.at(-1)).toBe('sticky')
    expect(json.nms.sshConfig).toContain('HostName a.example\n')
  })

  it('are endpoints of ietf-netconf-server', async () => {
    const words = ['switch1', '--vendor', 'rfc8071', '--bridge', 'a.example', '--bridge', 'b.example:4400']
    const { json } = await shown([...words, '--reconnect-strategy', 'sticky'])
    const text = json.steps[0]?.text ?? ''
    expect([...text.matchAll(/<remote-(?:address|port)>([^<]*)</g)].map(([, value]) => value)).toEqual([
      'a.example',
      '4334',
      'b.example',
      '4400',
    ])
    expect([...text.matchAll(/<name>(homeport-ssh[^<]*)</g)].map(([, value]) => value)).toEqual([
      'homeport-ssh',
      'homeport-ssh-2',
    ])
    expect(text).toContain('<start-with>last-connected</start-with>')
  })

  it.each(['a:b:c', 'a:0', 'a:70000', '[a.example]:1', '[2001:db8::1', 'a b', ':4334', ''])(
    '--bridge %j is wrong usage',
    async (server) => {
      const output = await onboard(['router1', `--bridge=${server}`])
      expect(output).toMatchObject({ status: 2, stdout: '', added: [] })
    },
  )

  it('--bridge with the same server twice is wrong usage', async () => {
    const output = await onboard(['router1', '--bridge', 'a.example:1', '--bridge', 'A.example:1'])
    expect(output).toMatchObject({ status: 2, stdout: '', added: [] })
  })
})

describe('the protocol version', () => {
  it('is said where it is wanted', async () => {
    expect(statementWith((await shown(['router1'])).json.steps, 'protocol-version')).toBeUndefined()
    const { json } = await shown(['router1', '--protocol', 'v2'])
    expect(statementWith(json.steps, 'protocol-version')?.slice(-2)).toEqual(['protocol-version', 'v2'])
    expect(await onboard(['router1', '--protocol', 'v1'])).toMatchObject({ status: 2, stdout: '' })
  })
})
