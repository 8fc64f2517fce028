import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevice, startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { curl } from './support/http-api.js'
import { opsUser } from './support/users.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const docs = new URL('../../docs/', import.meta.url)

/** What can be run: indented blocks that begin with a command, in the order of the page, without their indentation. */
const examplesOf = async (page: string): Promise<readonly string[]> =>
  [...(await readFile(new URL(page, docs), 'utf8')).matchAll(/(?:^ {4}.*\n)+/gm)]
    .map(([block]) => block.replaceAll(/^ {4}/gm, ''))
    .filter((block) => /^(?:curl|homeport|[A-Z]+=)/.test(block))

/** What each writes, in the same order. */
const writtenByHttp: readonly (readonly RegExp[])[] = [
  [/<rpc-reply.*<hostname>router2</],
  [/<rpc-reply.*<hostname>router2</],
  [/<rpc-reply[^>]* message-id="101"/],
  [/<hostname>router2</],
  [/"rpc-reply".*"hostname":"router2"/],
  [/module simulated-device/],
  [/"steps":\[.*"operation":"commit","outcome":"ok"/],
  [/(?:<ok\/>[^]*){3}"sessionId":\d+/],
  [/<rpc-reply.*<hostname>router2</],
  [/<rpc-reply.*<hostname>router2</],
  [/"state":"(?:queued|running|done)"[^]*"jobs":\[\{/],
  [/"device":"router2","status":200[^]*"summary":\{"devices":1,"ok":1,"failed":0/],
  [/^event: subscribed$/m, /^data: \{"replayed":false\}$/m],
  [/^event: attached$/m, /"deviceId":"router2"/],
  [/^[0-9a-f]{64}$/m],
  [/(?:<ok\/>[^]*){2}ietf-netconf-nmda[^]*<no-matches[^]*"summary"/],
  [/urn:homeport:problem:rpc-error/, /"rpc-errors":\[\{"type":"/],
]

const writtenByDatastores: readonly (readonly RegExp[])[] = [
  [/<oper-status>up</],
  [/<ok\/>[^]*<target>\/simulated-device:system\/contact</],
  [/(?:<ok\/>[^]*){2}/],
]

let bridge: RunningBridge
let device: SimulatedDevice
let environment: NodeJS.ProcessEnv

beforeAll(async () => {
  bridge = await startBridge({
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: [{ id: 'router2', secret: 'secret of router2' }],
    users: [opsUser()],
  })
  device = startSimulatedDevice({
    id: 'router2',
    bridge: { host: bridge.host, port: bridge.callHomePort },
    secret: 'secret of router2',
    username: deviceLogin.user,
    password: deviceLogin.password,
  })
  await bridge.logged(/^link attached/, { deviceId: 'router2' })
  const made = await curl(bridge, '/api/v1/tokens', { body: { user: 'ops' } })
  const { token } = JSON.parse(made.body) as { readonly token: string }
  // As it is installed.
  const bin = join(bridge.directory, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'homeport'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  await chmod(join(bin, 'homeport'), 0o755)
  const { PATH } = process.env
  environment = { PATH: `${bin}:${PATH}`, HOMEPORT_URL: bridge.httpUrl, HOMEPORT_TOKEN: token }
})

afterAll(async () => {
  await device?.stop()
  await bridge?.stop()
})

function shell(script: string): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const words = ['-euo', 'pipefail', '-c', script]
    const child = execFile('bash', words, { cwd: bridge.directory, env: environment }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, output: stdout + stderr }),
    )
  })
}

describe.each([
  ['http.md', await examplesOf('http.md'), writtenByHttp],
  ['datastores.md', await examplesOf('datastores.md'), writtenByDatastores],
] as const)('docs/%s', (_page, examples, written) => {
  it('has the examples that are known here', () => {
    expect(examples).toHaveLength(written.length)
  })

  it.each(examples.map((example, at) => [at + 1, example.split('\n')[0] ?? '', example] as const))(
    'example %i runs as it stands: %s',
    async (number, _, example) => {
      const { status, output } = await shell(example)
      expect({ status, output }).toMatchObject({ status: 0 })
      for (const pattern of written[number - 1] ?? []) expect(output).toMatch(pattern)
    },
  )
})
