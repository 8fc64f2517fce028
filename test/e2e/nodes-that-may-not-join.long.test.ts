import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { makeClusterKeys } from '../cluster/support/cluster-keys.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir } from './parts/temp-dir.js'
import type { ConfigFile } from './support/bridge.js'
import { main } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { allReached, nodesOf, severalNodes } from './support/several-nodes.js'

const own = endAfterEach()

/** What `serve` says and how it ends with a configuration by which it cannot start. */
async function refusal(config: ConfigFile): Promise<{ readonly code: number; readonly stderr: string }> {
  const directory = await makeTempDir('refused')
  own({ stop: directory.remove })
  const file = join(directory.path, 'homeport.yaml')
  const free = { address: '127.0.0.1', port: 0 }
  const endpoint = config['endpoint'] as Readonly<Record<string, object>>
  const whole = {
    'data-dir': 'data',
    log: { level: 'error', format: 'json' },
    ...config,
    'call-home': { ssh: free },
    endpoint: { ssh: { ...free, ...endpoint['ssh'] }, http: free },
  }
  await writeFile(file, JSON.stringify(whole))
  const serve = promisify(execFile)(process.execPath, [main, 'serve', '--config', file], { cwd: directory.path })
  return serve.then(
    () => expect.fail('it started'),
    (error: { readonly code: number; readonly stderr: string }) => error,
  )
}

const clusterOf = (config: ConfigFile) => config['cluster'] as Readonly<Record<string, unknown>>

describe('a node that may not join is refused, and told what to do', () => {
  it('with a certificate for another node, or of another CA', async () => {
    const { configOf } = await severalNodes(own)
    const config = configOf('a')
    const { certificate, key } = clusterOf(configOf('b'))
    const wrong = await refusal({ ...config, cluster: { ...clusterOf(config), certificate, key } })
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toMatch(/^homeport: cluster\.certificate: .*node b.*\n.*homeport ca sign-node/)

    const others = own(makeClusterKeys())
    const foreign = await refusal({ ...config, cluster: { ...clusterOf(config), ca: others.files('a').ca } })
    expect(foreign.code).toBe(1)
    expect(foreign.stderr).toMatch(/^homeport: cluster\.certificate: .*\n.*cluster\.ca/)
  })

  it('with other host keys, the id of one that runs, or without listening where others do; and one that was killed is none of these', async () => {
    const { configOf, start } = await severalNodes(own)
    const a = await start('a')

    const directory = await makeTempDir('other-keys')
    own({ stop: directory.remove })
    const hostKey = await makeSshKey(directory.path, 'ed25519', 'other')
    const other = await refusal(configOf('b', { endpoint: { ssh: { 'host-keys': [hostKey.path] } } }))
    expect(other.code).toBe(1)
    expect(other.stderr).toMatch(/^homeport: endpoint\.ssh\.host-keys: node "a" shows clients other host keys/)

    const same = await refusal(configOf('a'))
    expect(same.code).toBe(1)
    expect(same.stderr).toMatch(/^homeport: cluster\.node: another process is node "a" already\n/)

    const { database, node, 'secret-key': secretKey } = clusterOf(configOf('c'))
    const alone = await refusal(configOf('c', { cluster: { database, node, 'secret-key': secretKey } }))
    expect(alone.code).toBe(1)
    expect(alone.stderr).toMatch(/^homeport: cluster\.database: .*node "a" uses it/)

    const [first] = await nodesOf(a)
    await a.kill()
    const again = await start('a')
    const [second] = await nodesOf(again)
    expect(Number(second?.['incarnation'])).toBeGreaterThan(Number(first?.['incarnation']))
  })

  it('beside one that uses the database alone', async () => {
    const { configOf, start } = await severalNodes(own)
    const { database, node, 'secret-key': secretKey } = clusterOf(configOf('a'))
    await start('a', { cluster: { database, node, 'secret-key': secretKey } })
    const beside = await refusal(configOf('b'))
    expect(beside.code).toBe(1)
    expect(beside.stderr).toMatch(/^homeport: cluster\.database: node "a" uses the database alone/)
  })

  it('but ends by itself where it hung, and another process is it by now', async () => {
    const { start } = await severalNodes(own)
    const hung = await start('a')
    hung.process.kill('SIGSTOP')
    const instead = await start('a')
    hung.process.kill('SIGCONT')
    await hung.logged(/^stopping: another process is node "a" now/, { level: 'fatal' })
    await expect.poll(() => hung.process.exitCode).toBe(1)
    const b = await start('b')
    await allReached(instead, b)
  })

  it('and a certificate that is of no use is refused at a reload, and a new one taken', async () => {
    const { configOf, start } = await severalNodes(own)
    const config = configOf('a')
    const a = await start('a', config)
    const b = await start('b')
    await allReached(a, b)
    const { certificate } = clusterOf(config)
    await writeFile(String(certificate), 'nonsense\n')
    await a.reload(config)
    await a.logged(/configuration not reloaded/)
    await allReached(a, b)
  })
})
