import { describe, expect, it } from 'vitest'
import { configOf, parseText, problemsOf } from './parse-text.js'

const hook = (url: string): string => `authentication-hook: { url: "${url}" }`

describe('the authentication hook', () => {
  it('has defaults for all but its URL', () => {
    expect(configOf(hook('https://aaa.example.net/login')).authenticationHook).toEqual({
      url: 'https://aaa.example.net/login',
      timeout: 5_000,
      cache: 30_000,
      maxConcurrent: 32,
    })
    expect(problemsOf('authentication-hook: {}')).toEqual(['1:1: authentication-hook.url: is missing'])
  })

  it.each([
    'http://127.0.0.1:8000/x',
    'http://localhost/',
    'http://[::1]:1/',
    'http://127.1/',
    'https://aaa.example.net:8443/a?b=c',
  ])('may be at %s', (url) => {
    expect(problemsOf(hook(url))).toEqual([])
  })

  it.each([
    ['http://aaa.example.net/login', 'passwords would be sent unencrypted'],
    ['http://127.0.0.1.example.net/', 'passwords would be sent unencrypted'],
    ['http://10.0.0.1/', 'passwords would be sent unencrypted'],
    ['https://user:secret@aaa.example.net/', 'a name or password in the URL'],
    ['ldaps://aaa.example.net/', 'expected an https URL'],
    ['aaa.example.net/login', 'expected an https URL'],
    ['', 'expected an https URL'],
  ])('may not be at %s', (url, problem) => {
    expect(problemsOf(hook(url))).toEqual([`1:24: authentication-hook.url: ${problem}`])
  })

  it('that came from the environment is not shown', () => {
    expect(problemsOf(hook('${URL}'), { URL: 'http://secret.example.net/' }).join()).not.toContain('secret')
  })

  it('is a way in for users without a password, and for nobody who is named', () => {
    const text = `${hook('https://aaa.example.net/')}\nusers: [{ name: a }]\ndevices: [{ id: r, secret: x }]\ncredentials: { default: { username: a, password: b } }\n`
    const parsed = parseText(text)
    expect(parsed.ok && parsed.warnings).toEqual([])
  })
})

describe('limits on logins', () => {
  it.each([
    ['failures-per-user-and-address', '0'],
    ['failures-per-address', '0'],
    ['window', '999ms'],
    ['block', '0s'],
    ['slow-down', '61s'],
    ['check-while-blocked', '61m'],
    ['remember-logins', '25h'],
    ['max-tracked', '0'],
    ['checks-at-once', '65'],
    ['max-queued-checks', '-1'],
  ])('%s is not %s', (key, value) => {
    expect(problemsOf(`login-limits: { ${key}: ${value} }`)).toEqual([
      expect.stringMatching(new RegExp(`^1:17: login-limits\\.${key}: expected `)),
    ])
  })

  it('may be switched off where that is no danger', () => {
    const off = configOf('login-limits: { slow-down: 0s, check-while-blocked: 0s, remember-logins: 0s }').loginLimits
    expect(off).toMatchObject({ slowDown: 0, checkWhileBlocked: 0, rememberLogins: 0 })
  })
})
