import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entriesFor, hashedKnownHostsLine, knownHostsLine, parseKnownHosts } from '../../src/ssh/known-hosts.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
let key: KeyPair
let another: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  key = await room.key('host')
  another = await room.key('another', 'ecdsa-256')
})
afterAll(() => room.remove())

/** The numbers of the lines that hold for a host. */
const linesFor = (text: string, name: string, port?: number): readonly number[] =>
  entriesFor(parseKnownHosts(text).entries, name, port).map(({ line }) => line)

describe('reading known_hosts', () => {
  it('reads names, patterns, ports, markers and comments', () => {
    const text = [
      '# the core',
      `router1,192.0.2.1 ${key.line} of the lab`,
      '',
      `  @cert-authority\t*.example.net,!old.example.net   ${another.line}`,
      `@revoked * ${another.line}`,
      `[router2]:4334 ${key.line}\r`,
    ].join('\n')
    const { entries, problems } = parseKnownHosts(text)
    expect(problems).toEqual([])
    expect(entries).toMatchObject([
      { line: 2, hosts: { form: 'patterns', patterns: ['router1', '192.0.2.1'] } },
      { line: 4, marker: 'cert-authority', key: { type: 'ecdsa-sha2-nistp256' } },
      { line: 5, marker: 'revoked' },
      { line: 6 },
    ])
    expect(entries[0]?.key.blob).toEqual(key.publicKey.blob)
    expect(entries[0]?.key.comment).toBe('ed25519 of the lab')
    expect(entries[0]).not.toHaveProperty('marker')
  })

  it('tells what is malformed, with the line, and reads the others', () => {
    const text = [
      'router1',
      'router1 ssh-ed25519',
      'router1 ssh-ed25519 AAAA',
      `@trusted router1 ${key.line}`,
      `|1|c2FsdA==|aGFzaA== ${key.line}`,
      `|2|x|y ${key.line}`,
      `router1 ${key.line}`,
      `router1 ssh-rsa ${key.publicKey.blob.toString('base64')}`,
    ].join('\n')
    const { entries, problems } = parseKnownHosts(text)
    expect(entries.map(({ line }) => line)).toEqual([7])
    expect(problems.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 8])
    expect(problems[3]).toMatchObject({
      reason: 'malformed-known-hosts-line',
      message: 'line 4 is not a known_hosts line: @trusted is no marker',
    })
  })
})

describe('finding the entries for a host', () => {
  it('matches patterns in either case, and negated ones against', () => {
    const text = `*.example.net,!old.example.net,router? ${key.line}`
    expect(linesFor(text, 'r1.example.net')).toEqual([1])
    expect(linesFor(text, 'R1.Example.NET')).toEqual([1])
    expect(linesFor(text, 'old.example.net')).toEqual([])
    expect(linesFor(text, 'example.net')).toEqual([])
    expect(linesFor(text, 'router7')).toEqual([1])
    expect(linesFor(text, 'router77')).toEqual([])
    expect(linesFor(`!router1 ${key.line}`, 'router2')).toEqual([])
  })

  it('takes time that a hostile name cannot blow up', () => {
    expect(linesFor(`${'*a'.repeat(30)}b ${key.line}`, 'a'.repeat(5000))).toEqual([])
  })

  it('prefers entries that name the port, and falls back to those without', () => {
    const text = [`router1 ${key.line}`, `[router1]:4334 ${another.line}`, `@revoked router1 ${another.line}`].join(
      '\n',
    )
    expect(linesFor(text, 'router1')).toEqual([1, 3])
    expect(linesFor(text, 'router1', 22)).toEqual([1, 3])
    expect(linesFor(text, 'router1', 4334)).toEqual([2, 3])
    expect(linesFor(text, 'router1', 830)).toEqual([1, 3])
  })

  it('finds names that ssh-keygen -H has hashed', async () => {
    const path = await room.write('known_hosts', `router1 ${key.line}\n[router2]:4334 ${another.line}\n`)
    await room.run('-q', '-H', '-f', path)
    const text = await readFile(path, 'utf8')
    expect(text).not.toContain('router')
    expect(parseKnownHosts(text).problems).toEqual([])
    expect(linesFor(text, 'Router1')).toEqual([1])
    expect(linesFor(text, 'router2', 4334)).toEqual([2])
    expect(linesFor(text, 'router2')).toEqual([])
  })
})

describe('writing known_hosts lines', () => {
  it('writes lines that ssh-keygen -F finds', async () => {
    const lines = [
      knownHostsLine(['router1', '[router2]:4334'], key.publicKey),
      hashedKnownHostsLine('router3', key.publicKey),
      knownHostsLine(['*.example.net'], another.publicKey, 'cert-authority'),
    ]
    const path = await room.write('written', `${lines.join('\n')}\n`)
    for (const name of ['router1', '[router2]:4334', 'router3', 'r1.example.net'])
      expect(await room.run('-F', name, '-f', path), name).toContain('found: line')
    await expect(room.run('-F', 'router4', '-f', path)).rejects.toThrow()
    expect(linesFor(lines.join('\n'), 'router3')).toEqual([2])
  })
})
