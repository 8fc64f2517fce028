import { describe, expect, it } from 'vitest'
import { createLog, type LogOptions } from '../../src/telemetry/log.js'

function recorded(format: LogOptions['format']) {
  let written = ''
  const destination = { write: (text: string) => void (written += text), isTTY: false }
  return { log: createLog({ level: 'info', format }, destination), text: () => written }
}

const forged = 'bye\n[12:00:00.000] INFO: link attached\r\u2028{"level":"info"}\u001b[2J\u009b1A\u202e\u200b\u{e0041}x'
const unseen = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

describe.each(['json', 'pretty'] as const)('what a stranger wrote, in a log line of format %s', (format) => {
  it.each<[string, object, string]>([
    ['in the message', {}, `link detached: ${forged}`],
    ['in a field', { software: forged }, 'link attached'],
    ['below a field', { list: [{ name: forged }] }, 'm'],
    ['in the name of a field', { object: { [forged]: 1 } }, 'm'],
    ['in an error', { cause: { message: forged } }, 'm'],
  ])('%s begins no line of its own and holds nothing that is not seen', (_where, fields, message) => {
    const { log, text } = recorded(format)
    log.warn(fields, message)
    expect(text().split('\n')).toHaveLength(2)
    expect(text()).toMatch(/\n$/)
    expect(text()).not.toMatch(unseen)
    expect(text()).toContain('x')
  })

  it('is bounded', () => {
    const { log, text } = recorded(format)
    log.warn({ software: '\u202e'.repeat(1024 * 1024) }, 'm'.repeat(10 * 1024 * 1024))
    expect(text().length).toBeLessThan(64 * 1024)
    expect(text().split('\n')).toHaveLength(2)
  })
})

describe('a line of JSON', () => {
  it('holds the same values for a program', () => {
    const { log, text } = recorded('json')
    log.warn({ software: forged, device: 'ルーター👩' }, forged)
    expect(JSON.parse(text())).toMatchObject({ software: forged, device: 'ルーター👩', msg: forged })
    expect(text()).toContain('ルーター👩')
  })
})

describe('a readable line', () => {
  it('shows an error with its stack, on lines that are indented', () => {
    const { log, text } = recorded('pretty')
    log.error({ err: new Error(forged) }, 'failed')
    const [first, ...more] = text().trimEnd().split('\n')
    expect(first).toContain('failed')
    expect(more.length).toBeGreaterThan(2)
    for (const line of more) expect(line).toMatch(/^\s/)
    expect(text()).not.toMatch(unseen)
  })
})
