import { layeredEnvironment } from '../../../src/config/yaml/environment.js'
import { parseConfig } from '../../../src/config/parse-config.js'
import { formatProblem } from '../../../src/config/problem.js'
import { holds, type Target } from '../target.js'

const directory = '/nonexistent'
const environment = layeredEnvironment([{ NAME: 'value', EMPTY: '', YAML: '{ a: [' }], directory)

/** A configuration that somebody wrote, or a program of theirs. */
export const configuration: Target = {
  name: 'configuration',
  about: 'the configuration file: YAML, and what it says',
  // It is read at the start and at a reload, and an operator wrote it.
  longestTurn: 1_000,
  words: [
    'call-home:',
    'endpoint:',
    'ssh:',
    'http:',
    'trust:',
    'devices:',
    'users:',
    'roles:',
    'credentials:',
    'data-dir: ',
    'address: ',
    'port: ',
    'id: ',
    'host-keys: ',
    'first-use: ',
    'operations: ',
    'allow',
    'deny',
    '${NAME}',
    '${EMPTY}',
    '${YAML}',
    '${',
    '${UNSET}',
    '&a ',
    '*a',
    '<<: *a',
    '!!binary ',
    '!!js ',
    '- ',
    ': ',
    '{ ',
    ' }',
    '[',
    ']',
    '"',
    "'",
    '|\n',
    '>\n',
    '\n  ',
    '\t',
    '#',
    '---\n',
    '%YAML 1.1\n',
    '\ufeff',
    '10s',
    '64KiB',
    'ssh-ed25519 AAAA',
    'get-config:running',
  ],
  start: () => ({
    take: (input) => {
      const parsed = parseConfig({ text: input.toString('utf8'), file: 'homeport.yaml', directory, environment })
      if (parsed.ok) return
      holds(parsed.problems.length > 0, 'it is wrong, and nothing is said to be')
      for (const problem of parsed.problems) {
        const line = formatProblem(problem)
        holds(problem.message !== '', 'a problem without words')
        holds(
          !/\p{Cc}/u.test(line.replaceAll('\n', '')),
          `it tells control characters: ${JSON.stringify(line.slice(0, 300))}`,
        )
      }
    },
  }),
}
