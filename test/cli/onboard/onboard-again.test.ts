import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Enrolment } from '../../../src/store/enrolment.js'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../../src/store/store.js'
import { byHandIn, onboardingRoom, statementWith, unreachable } from './onboarding-room.js'

const { cwd, configure, onboard, shown } = onboardingRoom()
const dataDir = (): string => join(cwd(), 'config/data')

/** The store of a bridge that runs on this configuration, with a device in it. */
async function bridgeWith(enrolment: Partial<Enrolment>): Promise<Store> {
  const opened = await openSqliteStore({ directory: dataDir(), touchInterval: 1_000, onProblem: () => undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  const blank = { deviceId: 'Router1', standing: 'approved' as const, pins: [], addresses: [], labels: {} }
  const { deviceId } = { ...blank, ...enrolment }
  await opened.store.enrolments.update(deviceId, () => ({ ...blank, ...enrolment }))
  return opened.store
}

describe('onboard for a device that the bridge knows', () => {
  it('prints the secret that the bridge was given, in the same words each time, and adds nothing', async () => {
    const store = await bridgeWith({ secret: 'the 1st secret', credentials: 'lab' })
    await configure(undefined, { credentials: { lab: { username: 'lab', password: 'x' } } })
    try {
      const [first, second] = [await onboard(['router1']), await onboard(['router1'])]
      expect(first).toMatchObject({ status: 0, added: [], stderr: '' })
      expect(second.stdout).toBe(first.stdout)
      expect(first.stdout).toContain('device-id Router1\n')
      expect(first.stdout).toContain('secret "the 1st secret"\n')
      expect(first.stdout.split('the 1st secret')).toHaveLength(2)
      expect(first.stdout).toMatch(
        /# credentials\.lab log in as lab .*\n# The bridge knows Router1 already; the secret is/,
      )
      expect((await shown(['router1'])).json.secretFrom).toBe('bridge')
    } finally {
      await store.close()
    }
  })

  it('prints no secret for one that was approved by its host key', async () => {
    const store = await bridgeWith({})
    await store.close()
    const { json, status } = await shown(['router1'])
    expect([status, json.secret, statementWith(json.steps, 'secret')]).toEqual([0, null, undefined])
    expect((await onboard(['router1'])).stdout).toContain('knows Router1 already, by its host key')
  })

  it('takes what is left of a removed entry of the configuration for nothing', async () => {
    const store = await bridgeWith({ secret: 'of the entry', configured: true })
    await store.close()
    const { json, added } = await shown(['router1'])
    expect([json.secretFrom, added.length]).toEqual(['new', 1])
    expect(json.secret).not.toBe('of the entry')
  })

  it('has the bridge decide on one that waits, or that was turned away', async () => {
    const store = await bridgeWith({ standing: 'rejected', secret: 'of one turned away' })
    await store.close()
    const refusal = { ok: false, cause: 'refused', message: 'router1 is enrolled already', hint: 'forget it' } as const
    const output = await onboard(['router1'], refusal)
    expect(output).toMatchObject({ status: 1, stdout: '' })
    expect(output.added).toHaveLength(1)
  })

  it('says that a store is no store', async () => {
    await mkdir(dataDir(), { recursive: true })
    await writeFile(join(dataDir(), 'homeport.db'), 'this is no database at all, but long enough to be looked at')
    const output = await onboard(['router1'])
    expect(output).toMatchObject({ status: 1, stdout: '', added: [] })
    expect(output.stderr).toMatch(/homeport\.db: is damaged or not a database.*\n.*as root/)
  })
})

describe('onboard for a device that nobody knows yet', () => {
  const ofDevice = (): readonly string[] =>
    existsSync(join(dataDir(), 'onboarding')) ? readdirSync(join(dataDir(), 'onboarding')) : []

  it('keeps the secret until a bridge takes the device', async () => {
    const first = await shown(['router 1'], unreachable)
    const again = await shown(['Router 1'], unreachable)
    expect([first.json.secretFrom, again.json.secretFrom]).toEqual(['new', 'kept'])
    expect(again.json.secret).toBe(first.json.secret)
    const [file = ''] = ofDevice()
    expect(statSync(join(dataDir(), 'onboarding', file)).mode & 0o777).toBe(0o600)

    const taken = await onboard(['router 1'])
    expect(taken.added[0]?.secret).toBe(first.json.secret)
    expect(taken.stdout).toContain('with this secret, the one of an earlier run')
    expect(ofDevice()).toEqual([])
  })

  it('two runs at once show one secret', async () => {
    const runs = await Promise.all([1, 2, 3, 4].map(() => shown(['router1'], unreachable)))
    expect(new Set(runs.map(({ json }) => json.secret)).size).toBe(1)
    expect(ofDevice()).toHaveLength(1)
    for (const { json } of runs) expect(statementWith(json.steps, 'secret')?.at(-1)).toBe(json.secret)
  })

  it('keeps apart the secrets of devices whose plain names are one', async () => {
    const secrets = await Promise.all(['a/b', 'a b', '../a'].map((id) => shown([id], unreachable)))
    expect(new Set(secrets.map(({ json }) => json.secret)).size).toBe(3)
    expect(ofDevice()).toHaveLength(3)
  })

  it('takes the secret that was pasted into .env already', async () => {
    const first = await shown(['router1'], unreachable)
    const [, env] = byHandIn(first.json.steps)
    await rm(dataDir(), { recursive: true })
    await writeFile(join(cwd(), 'config/.env'), `${env?.text}\n`)
    const again = await shown(['router1'], unreachable)
    expect([again.json.secretFrom, again.json.secret]).toEqual(['environment', first.json.secret])
    const other = await shown(['router1'], { ok: true }, { DEVICE_ROUTER1_SECRET: 'of the process' })
    expect(other.added[0]?.secret).toBe('of the process')
    expect(await onboard(['router1'], { ok: true }, { DEVICE_ROUTER1_SECRET_FILE: 'none' })).toMatchObject({
      status: 1,
      stdout: '',
    })
  })

  it('does away with what it kept once the configuration has the device', async () => {
    const { json } = await shown(['router1'], unreachable)
    await configure(undefined, { devices: [{ id: 'router1', secret: json.secret }] })
    expect((await shown(['router1'])).json).toMatchObject({ secret: json.secret, secretFrom: 'configuration' })
    expect(ofDevice()).toEqual([])
  })

  it('says so where it cannot keep it', async () => {
    await writeFile(dataDir(), 'a file where data-dir should be')
    const output = await onboard(['router1'], unreachable)
    expect(output.status).toBe(1)
    expect(output.stderr).toMatch(
      /note: the secret is not kept in \S+ \((ENOTDIR|EEXIST)\): another run makes another one/,
    )
    expect(output.stderr).not.toContain(output.added[0]?.secret)
  })

  it('where there is no configuration it does nothing', async () => {
    await rm(join(cwd(), 'config/homeport.yaml'))
    expect(await onboard(['router1'], unreachable)).toMatchObject({ status: 2, stdout: '', added: [] })
  })

  it('a configured device without any proof is said to wait', async () => {
    await configure(undefined, { devices: [{ id: 'router1' }] })
    const { json, stdout } = await shown(['router1'])
    expect([json.secret, stdout.includes('secret null')]).toEqual([null, false])
    expect((await onboard(['router1'])).stdout).toMatch(/no secret and no host key of it there: It waits as pending/)
  })
})
