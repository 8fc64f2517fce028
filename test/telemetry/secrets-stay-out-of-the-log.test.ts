import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createLog, type LogOptions } from '../../src/telemetry/log.js'

/** A log with its output: so many lines of it, once they were written. */
function recorded(options: Partial<LogOptions> = {}, isTTY = false) {
  const destination = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY })
  let written = ''
  destination.on('data', (text: string) => {
    written += text
  })
  return {
    log: createLog({ level: 'info', format: 'json', ...options }, destination),
    text: async (lines = 1): Promise<string> => {
      while (written.split('\n').length <= lines) await once(destination, 'data')
      return written
    },
  }
}

const secrets = ['password', 'passphrase', 'secret', 'privateKey', 'passwordHash', 'hmac']

describe.each(['json', 'pretty'] as const)('a secret in a log line, %s', (format) => {
  it.each(secrets)('is left out at the top and one level below: %s', async (key) => {
    const { log, text } = recorded({ format })
    log.info({ [key]: 'hidden-1', device: { [key]: 'hidden-2', id: 'router1' } }, 'm')
    log.child({ [key]: 'hidden-3', device: { [key]: 'hidden-4' } }).info('child')
    const lines = await text(2)
    expect(lines).toContain('router1')
    expect(lines).toContain('[secret]')
    expect(lines).not.toContain('hidden')
  })

  it('is left out of an error that carries one', async () => {
    const { log, text } = recorded({ format })
    log.info({ err: Object.assign(new Error('failed'), { password: 'hidden' }) }, 'm')
    expect(await text()).toContain('failed')
    expect(await text()).not.toContain('hidden')
  })

  it('is left out of the entries of a list at the top', async () => {
    const { log, text } = recorded({ format })
    log.info([{ password: 'hidden', name: 'ops' }], 'm')
    expect(await text()).toContain('ops')
    expect(await text()).not.toContain('hidden')
  })
})

describe('a log line', () => {
  it('is one JSON object with level, time and message, and nothing of the machine', async () => {
    const { log, text } = recorded()
    log.warn({ deviceId: 'router1' }, 'link lost')
    expect(JSON.parse(await text())).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      deviceId: 'router1',
      msg: 'link lost',
    })
    expect((await text()).endsWith('}\n')).toBe(true)
  })

  it('is for people where asked for, on one line', async () => {
    const { log, text } = recorded({ format: 'pretty' })
    log.warn({ deviceId: 'router1' }, 'link lost')
    expect(await text()).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: link lost \{"deviceId":"router1"\}\n$/)
  })

  it.each([
    [true, /^\S*\[\d\d:/],
    [false, /^\{"level"/],
  ])('is by itself what its reader can use: on a terminal %s', async (isTTY, form) => {
    const { log, text } = recorded({ format: 'auto' }, isTTY)
    log.info('m')
    expect(await text()).toMatch(form)
  })

  it('is written from its level on', async () => {
    const { log, text } = recorded({ level: 'warn' })
    log.info('quiet')
    log.warn('loud')
    expect(await text()).not.toContain('quiet')
    expect(await text()).toContain('loud')
  })
})
