import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { type LoadedHostKeys, loadHostKeys, loadPrivateKey } from '../../src/ssh/host-keys.js'
import { makeTempDir } from '../e2e/parts/temp-dir.js'
import { endAfterEach } from '../e2e/support/resources.js'

const own = endAfterEach()

async function directory(): Promise<string> {
  const { path, remove } = await makeTempDir('host-keys')
  own({ stop: remove })
  return path
}

const publicHalves = (loaded: LoadedHostKeys): string[] =>
  loaded.ok ? loaded.keys.map((key) => key.getPublicSSH().toString('base64')) : []

describe('the host keys of the bridge', () => {
  it('are made at the first start, for their owner alone, and are the same at the second', async () => {
    const path = join(await directory(), 'not', 'there', 'yet')
    const first = await loadHostKeys([], path)
    expect(first.ok && first.keys.map(({ type }) => type)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'])
    const names = ['ssh_host_ed25519_key', 'ssh_host_ecdsa_key', 'ssh_host_rsa_key']
    expect(first.ok && first.generated).toEqual(names.map((name) => join(path, name)))
    expect((await stat(path)).mode & 0o777).toBe(0o700)
    for (const name of names) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600)
    const second = await loadHostKeys([], path)
    expect(second.ok && second.generated).toEqual([])
    expect(publicHalves(second)).toEqual(publicHalves(first))
  })

  it('that are there already are kept, and only missing ones are made', async () => {
    const path = await directory()
    const text = generatePrivateKey('ed25519', 'mine')
    await writeFile(join(path, 'ssh_host_ed25519_key'), text)
    const loaded = await loadHostKeys([], path)
    expect(loaded.ok && loaded.generated).toEqual([join(path, 'ssh_host_ecdsa_key'), join(path, 'ssh_host_rsa_key')])
    expect(await readFile(join(path, 'ssh_host_ed25519_key'), 'utf8')).toBe(text)
  })

  it('of an earlier version, which made no RSA key, are kept, and get one beside them that is offered last', async () => {
    const path = await directory()
    const before = ['ed25519', 'ecdsa'] as const
    for (const type of before) await writeFile(join(path, `ssh_host_${type}_key`), generatePrivateKey(type, 'mine'))
    const texts = (): Promise<string[]> =>
      Promise.all(before.map((type) => readFile(join(path, `ssh_host_${type}_key`), 'utf8')))
    const kept = await texts()
    const loaded = await loadHostKeys([], path)
    expect(loaded.ok && loaded.generated).toEqual([join(path, 'ssh_host_rsa_key')])
    expect(loaded.ok && loaded.keys.map(({ type }) => type)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'])
    expect(await texts()).toEqual(kept)
    const again = await loadHostKeys([], path)
    expect(publicHalves(again)).toEqual(publicHalves(loaded))
  })

  it('are the configured ones where there are any, and none is made then', async () => {
    const path = await directory()
    const file = join(path, 'mine')
    await writeFile(file, generatePrivateKey('ecdsa', 'mine'))
    const loaded = await loadHostKeys([file], join(path, 'data'))
    expect(loaded.ok && loaded.keys.map(({ type }) => type)).toEqual(['ecdsa-sha2-nistp256'])
    expect(loaded.ok && loaded.generated).toEqual([])
    await expect(stat(join(path, 'data'))).rejects.toThrow('ENOENT')
  })

  it.each([
    ['is not there', async () => undefined, 'unreadable-file', 'there is no such file'],
    ['is a directory', (file: string) => mkdir(file), 'unreadable-file', 'it cannot be read (EISDIR)'],
    ['holds something else', (file: string) => writeFile(file, 'hello'), 'malformed-private-key', 'the text is not'],
    ['is empty', (file: string) => writeFile(file, ''), 'malformed-private-key', 'the text is not'],
  ])('name the file of theirs that %s', async (_name, make, cause, message) => {
    const path = await directory()
    const good = join(path, 'good')
    await writeFile(good, generatePrivateKey('ed25519', ''))
    const file = join(path, 'bad')
    await make(file)
    expect(await loadHostKeys([good, file], path)).toMatchObject({
      ok: false,
      file,
      failure: { reason: cause, message: expect.stringContaining(message) as string },
    })
  })

  it('that were damaged are named instead of made anew', async () => {
    const path = await directory()
    const file = join(path, 'ssh_host_ecdsa_key')
    await writeFile(file, 'damaged')
    expect(await loadHostKeys([], path)).toMatchObject({ ok: false, file })
    expect(await readFile(file, 'utf8')).toBe('damaged')
  })

  it('cannot be made where a file stands in the way', async () => {
    const path = await directory()
    await writeFile(join(path, 'data'), '')
    await expect(loadHostKeys([], join(path, 'data'))).rejects.toMatchObject({ code: 'EEXIST' })
  })
})

describe('a private key file', () => {
  it('that cannot be read is no private key', async () => {
    expect(await loadPrivateKey(join(await directory(), 'none'))).toMatchObject({
      ok: false,
      failure: { reason: 'unreadable-file', hint: 'give a private key file that the user of the bridge may read' },
    })
  })
})
