import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { dyingWithUs } from '../../e2e/parts/processes.js'
import { within } from '../../e2e/parts/wait-for.js'
import { converse, helloFor, inEndOfMessage } from '../../northbound/ssh/support/guarded-conversation.js'
import { randomFor } from '../random.js'
import { holds, type Target } from '../target.js'

const RULES = ['get', 'get-config:running', 'lock:candidate', '{urn:acme}*']

/** Operations that RULES allow, by the only datastore that they may name. */
const ALLOWED: Readonly<Record<string, { readonly parameter: string; readonly store: string } | undefined>> = {
  get: undefined,
  'get-config': { parameter: 'source', store: 'running' },
  lock: { parameter: 'target', store: 'candidate' },
}

/** A document as a parser of libxml2 sees it; null where it sees none. */
type Sight = {
  readonly root: readonly [namespace: string, name: string]
  readonly operations: readonly (readonly [
    namespace: string,
    name: string,
    datastores: readonly (readonly [parameter: string, stores: readonly string[]])[],
  ])[]
} | null

const rpc = (inside: string): string => `<rpc xmlns="${NETCONF_NS}" message-id="1">${inside}</rpc>`

/**
 * Requests of a client under rules: what reaches the device must be allowed to whoever parses it, by libxml2 strict or
 * recovering.
 */
export const guard: Target = {
  name: 'guard',
  about: 'rules on operations, against what libxml2 makes of a request',
  words: [
    rpc('<get/>'),
    rpc('<edit-config><target><running/></target><config/></edit-config>'),
    '<get/>',
    '<edit-config>',
    '</edit-config>',
    '<kill-session/>',
    '<get-config>',
    '</get-config>',
    '<source>',
    '</source>',
    '<target>',
    '</target>',
    '<running/>',
    '<candidate/>',
    '<startup/>',
    '<filter>',
    '</filter>',
    '<rpc>',
    '</rpc>',
    '<x:get xmlns:x="urn:acme"/>',
    '<x:edit-config xmlns:x="',
    NETCONF_NS,
    ' xmlns="',
    '" ',
    "'",
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '<?a b?>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    "<?xml version='1.1'?>",
    '<!DOCTYPE rpc [<!ENTITY a "b">]>',
    '&a;',
    '&lt;',
    '&#60;',
    '&#0;',
    '\0',
    '\ufeff',
    '\xff\xfe',
    '+ADw-',
    ']]>]]>',
    '\n#5\n',
    '\n##\n',
    '\r',
    '\x85',
    '\u2028',
    '<',
    '>',
    '/',
    '=',
    ':',
  ],
  start: () => {
    const reader = startReader()
    return {
      take: async (input) => {
        const random = randomFor(input)
        const framing = random.chance(0.5) ? 'chunked' : 'end-of-message'
        // As the bytes of a message, or, seldom, as those of the channel.
        const raw = random.chance(0.2)
        const sent = [
          inEndOfMessage(helloFor(framing)),
          raw || input.includes(']]>]]>') ? input : encodeFrame(framing, input),
        ]
        const cut = random.below(sent[1]?.length ?? 1)
        if (random.chance(0.5) && sent[1] !== undefined)
          sent.splice(1, 1, sent[1].subarray(0, cut), sent[1].subarray(cut))
        const came = await within(10_000, 'the guard to come to an end', converse({ framing, rules: RULES, sent }))
        for (const message of came.device) await judge(message, reader)
      },
      stop: async () => reader.stop(),
    }
  },
}

async function judge(message: string, reader: Reader): Promise<void> {
  const sights = await reader.read(Buffer.from(message))
  for (const [index, sight] of sights.entries()) {
    if (sight === null) continue
    const how = `the device got ${JSON.stringify(message.slice(0, 1000))}, which to libxml2 (${index === 0 ? 'strict' : 'recovering'}) is`
    holds(
      sight.root[1] === 'rpc' && ['', NETCONF_NS].includes(sight.root[0]),
      `${how} a <${sight.root[1]}> of ${sight.root[0]}`,
    )
    holds(sight.operations.length === 1, `${how} ${sight.operations.length} operations`)
    for (const [namespace, name, datastores] of sight.operations) {
      if (namespace === 'urn:acme') continue
      holds(['', NETCONF_NS].includes(namespace) && name in ALLOWED, `${how} {${namespace}}${name}`)
      const only = ALLOWED[name]
      if (only === undefined) continue
      const named = datastores.filter(([parameter]) => parameter === only.parameter)
      holds(
        named.length === 1 && named[0]?.[1].length === 1 && named[0][1][0] === only.store,
        `${how} a ${name} of ${JSON.stringify(datastores)}`,
      )
    }
  }
}

interface Reader {
  readonly read: (bytes: Buffer) => Promise<readonly Sight[]>
  readonly stop: () => void
}

/** libxml2, by lxml in Python. */
function startReader(): Reader {
  const program = fileURLToPath(new URL('../parts/lxml_reader.py', import.meta.url))
  const child = spawn(...dyingWithUs(['/usr/bin/python3', program]), { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    read: async (bytes) => {
      child.stdin.write(`${bytes.toString('base64')}\n`)
      const { value, done } = await within(10_000, 'libxml2 to read a document', lines.next())
      if (done === true) throw new Error('the program with libxml2 ended')
      return JSON.parse(value) as Sight[]
    },
    stop: () => void child.kill(),
  }
}
