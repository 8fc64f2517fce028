import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Settings } from '../../src/app/settings.js'
import { createShutdown } from '../../src/app/stop-bridge.js'
import { watchCertificates } from '../../src/app/watch-certificates.js'
import { createLiveValue } from '../../src/lib/live-value.js'
import type { Readings } from '../../src/telemetry/metrics.js'
import { configOf } from '../config/parse-text.js'
import { recordedLog } from '../northbound/http/recorded-log.js'

const run = promisify(execFile)
const DAY = 86_400_000
let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-watch-'))
  for (const name of ['ca', 'id'])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name)])
  await sign('-1h:+15d')
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(directory, { recursive: true, force: true })
})

async function sign(validity: string): Promise<void> {
  const signing = ['-s', join(directory, 'ca'), '-I', 'bridge', '-n', 'netconf', '-V', validity]
  await run('ssh-keygen', ['-q', ...signing, join(directory, 'id.pub')])
}

it('a login certificate is warned of once a day from the fourteenth day before its end', async () => {
  const { log, lines } = recordedLog()
  const config = configOf('')
  const certificate = join(directory, 'id-cert.pub')
  const settings = {
    config: { ...config, credentials: new Map([['default', { username: 'netconf', certificate }]]) },
  } as unknown as Settings
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  const shutdown = createShutdown(log)
  let read: () => Partial<Readings> | Promise<Partial<Readings>> = () => ({})
  watchCertificates({
    settings: createLiveValue(settings),
    log,
    shutdown,
    measure: (reading) => {
      read = reading
    },
  })
  const told = (): readonly unknown[] => lines().map(({ msg }) => msg)

  vi.advanceTimersByTime(DAY / 2)
  expect(told()).toEqual([])
  expect((await read()).certificateSeconds).toEqual({ login: expect.closeTo(14.5 * 86_400, -3) })
  vi.advanceTimersByTime(DAY)
  expect(told()).toEqual([
    expect.stringMatching(/^credentials\.default\.certificate: .+"bridge" expires in 13 days, at /),
  ])
  vi.advanceTimersByTime(13 * DAY)
  expect(told()).toHaveLength(14)
  vi.advanceTimersByTime(2 * DAY)
  expect(told().at(-1)).toMatch(/has expired: it was valid until/)
  expect((await read()).certificateSeconds?.['login']).toBeLessThan(0)
  await shutdown.stop({ drainTimeout: 0 })
})
