import { execFile } from 'node:child_process'
import { Agent, request as requestHttp } from 'node:http'
import { join } from 'node:path'
import { parseXml } from '../../../src/netconf/xml/xml-parse.js'
import type { XmlElement } from '../../../src/netconf/xml/xml-tree.js'
import type { RunningBridge } from './bridge.js'

export type HttpAnswer = {
  readonly status: number
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Asked = {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Text is sent as XML, anything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The socket on which a bridge answers its operator. */
export function socketOf(bridge: RunningBridge): string {
  return join(bridge.directory, 'data/homeport.sock')
}

/** What is sent, and how it is declared. */
function contentOf({ body, headers = {} }: Asked): {
  readonly text: string | undefined
  readonly headers: Readonly<Record<string, string>>
} {
  if (body === undefined) return { text: undefined, headers }
  const xml = typeof body === 'string'
  const type = xml ? 'application/xml' : 'application/json'
  return { text: xml ? body : JSON.stringify(body), headers: { 'Content-Type': type, ...headers } }
}

/** Asks the HTTP API by curl. */
export function curl(bridge: RunningBridge, path: string, asked: Asked = {}): Promise<HttpAnswer> {
  const { text, headers } = contentOf(asked)
  const args = [
    '-sSi',
    '--max-time',
    '60',
    '--unix-socket',
    socketOf(bridge),
    '--request',
    asked.method ?? 'POST',
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    ...(text === undefined ? [] : ['--data-binary', '@-']),
    `http://localhost${path}`,
  ]
  return new Promise((resolve, reject) => {
    const child = execFile('curl', args, { maxBuffer: 256 * 1024 ** 2 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`curl ${path}: ${stderr}`))
      else resolve(parseAnswer(stdout))
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(text ?? '')
  })
}

function parseAnswer(text: string): HttpAnswer {
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(first.split(' ')[1])
  const body = text.slice(end + 4)
  if (status === 100) return parseAnswer(body)
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status, headers: Object.fromEntries(headers) as Record<string, string>, body }
}

/** Many calls at a time need something lighter than curl: Node's client, its connections kept. */
export function createCaller(bridge: RunningBridge, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const call = (path: string, asked: Asked = {}): Promise<HttpAnswer> => {
    const { text, headers } = contentOf(asked)
    return new Promise((resolve, reject) => {
      const sent = requestHttp(
        { agent, socketPath: socketOf(bridge), path, method: asked.method ?? 'POST', headers },
        (answer) => {
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('error', reject)
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers as Record<string, string>,
              body: Buffer.concat(parts).toString(),
            }),
          )
        },
      )
      sent.on('error', reject)
      sent.end(text)
    })
  }
  return { call, stop: () => agent.destroy() }
}

/** Does `work` for each number below `count`, so many at a time. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) await work(number)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/**
 * A reply as plain data that is equal for equal replies: without prefixes, white space between elements, and what tells
 * runs apart.
 */
export function canonical(xml: string): unknown {
  const parsed = parseXml(xml)
  if (!parsed.ok) throw new Error(`${parsed.error.cause}: ${xml.slice(0, 500)}`)
  return plain(parsed.value)
}

const volatile = new Set(['message-id', 'last-modified'])

function plain({ namespace, name, attributes, children }: XmlElement): unknown {
  const nested = children.some((child) => typeof child !== 'string')
  return {
    name: `{${namespace}}${name}`,
    attributes: attributes
      .filter((one) => !volatile.has(one.name))
      .map((one) => `{${one.namespace}}${one.name}=${one.value}`)
      .toSorted(),
    children: children
      .filter((child) => typeof child !== 'string' || !nested || child.trim() !== '')
      .map((child) => (typeof child === 'string' ? child : plain(child))),
  }
}
