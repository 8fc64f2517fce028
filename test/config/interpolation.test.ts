import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configOf, printed, problemsOf, type Variables } from './parse-text.js'

const folder = mkdtempSync(join(tmpdir(), 'homeport-secret-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What a value of `data-dir: /` becomes. */
function valueOf(written: string, variables: Variables = {}): string | undefined {
  return configOf(`credentials:\n  default:\n    username: x\n    password: ${written}\n`, variables).credentials.get(
    'default',
  )?.password
}

describe('${NAME}', () => {
  it.each([
    ['${A}', 'one'],
    ['"${A}"', 'one'],
    ["'${A}'", 'one'],
    ['x${A}y${B}z', 'xoneytwoz'],
    ['${A:-other}', 'one'],
    ['${NONE:-other}', 'other'],
    ['"${NONE:-}x"', 'x'],
    ['${EMPTY:-other}', 'other'],
    ['"${NONE:-a: b, [c] #d}"', 'a: b, [c] #d'],
    ['|\n      ${A}', 'one\n'],
    ['$$', '$'],
    ['$${A}', '${A}'],
    ['$$${A}', '$one'],
    ['pa$word$', 'pa$word$'],
    ['"$ {A}"', '$ {A}'],
    ['$A', '$A'],
  ])('%s is %j', (written, value) => {
    expect(valueOf(written, { A: 'one', B: 'two', EMPTY: '' })).toBe(value)
  })

  it('works inside { } without quotes, as in every example', () => {
    const text = 'credentials: { default: { username: ${U}, password: ${P} } }'
    expect(configOf(text, { U: 'a', P: 'b' }).credentials.get('default')).toMatchObject({
      username: 'a',
      password: 'b',
    })
  })

  it('gives numbers, durations and lists of texts their values', () => {
    const config = configOf('endpoint: { ssh: { port: ${PORT}, login-timeout: "${TIME}" } }', {
      PORT: '8830',
      TIME: '5s',
    })
    expect(config.endpoint.ssh).toMatchObject({ port: 8830, loginTimeout: 5000 })
  })

  it.each(['x\nusers: [{ name: root }]', '}, evil: {', '" # ', '*anchor', '!!tag', '- a', '${B}', '$$', ' x '])(
    'cannot become YAML, nor be expanded again: %j',
    (value) => {
      expect(valueOf('${A}', { A: value, B: 'two' })).toBe(value)
    },
  )

  it('that is not set is a problem with place, key, name and a way out', () => {
    expect(printed('call-home:\n  ssh:\n    port: ${PORT}\n')).toBe(
      'config/homeport.yaml:3:5: call-home.ssh.port: the environment variable PORT is not set\n' +
        '    set PORT in the environment or in .env, or PORT_FILE to a file that holds it, or write ${PORT:-default}',
    )
  })

  it('names every variable that is not set, in lists at the item', () => {
    expect(problemsOf('users:\n  - name: a\n    roles:\n      - "${A}${B}"\n')).toEqual([
      '4:9: users[0].roles[0]: the environment variable A is not set',
      '4:9: users[0].roles[0]: the environment variable B is not set',
    ])
  })

  it('that is empty is an empty value', () => {
    expect(problemsOf('data-dir: ${A}', { A: '' })).toEqual(['1:1: data-dir: is empty'])
  })

  it.each(['"${"', '"${}"', '"${A B}"', '"${A-x}"', '"${A"', '"${1A}"', '{ a: ${A:-b,c} }'])(
    '%s is malformed',
    (written) => {
      expect(problemsOf(`data-dir: ${written}`).join()).toMatch(/a `\$\{` that is not of the form|a single value/)
    },
  )

  it('does not read names that every object has', () => {
    expect(problemsOf('data-dir: ${constructor}')).toEqual([
      '1:1: data-dir: the environment variable constructor is not set',
    ])
  })
})

describe('NAME_FILE', () => {
  it.each([
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['two\nlines\n\n', 'two\nlines\n'],
  ])('%j is %j', (content, value) => {
    const file = join(folder, 'secret')
    writeFileSync(file, content)
    expect(valueOf('${A}', { A_FILE: file })).toBe(value)
    expect(valueOf('${A:-default}', { A_FILE: file })).toBe(value)
  })

  it('yields to NAME', () => {
    expect(valueOf('${A}', { A: 'here', A_FILE: '/nowhere' })).toBe('here')
  })

  it('that cannot be read is a problem', () => {
    expect(printed('data-dir: ${A}', { A_FILE: 'nowhere' })).toBe(
      'config/homeport.yaml:1:1: data-dir: A_FILE names a file that cannot be read (ENOENT)\n' +
        '    check the path in A_FILE and the permissions of that file; a relative path starts at /srv/config',
    )
  })
})
