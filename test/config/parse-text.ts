import { layeredEnvironment } from '../../src/config/yaml/environment.js'
import { type ParsedConfig, parseConfig } from '../../src/config/parse-config.js'
import { formatProblem } from '../../src/config/problem.js'
import type { Config } from '../../src/config/schema.js'

export type Variables = Readonly<Record<string, string>>

/** Parses a text as if it stood in `config/homeport.yaml` of `/srv`. */
export function parseText(text: string, variables: Variables = {}): ParsedConfig {
  const directory = '/srv/config'
  const environment = layeredEnvironment([variables], directory)
  return parseConfig({ text, file: 'config/homeport.yaml', directory, environment })
}

/** The configuration of a text that is valid. */
export function configOf(text: string, variables: Variables = {}): Config {
  const parsed = parseText(text, variables)
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return parsed.config
}

/** All that is printed about a text that is not valid, hints included. */
export function printed(text: string, variables: Variables = {}): string {
  const parsed = parseText(text, variables)
  return parsed.ok ? '' : parsed.problems.map(formatProblem).join('\n')
}

/** The problems without file name and hints: `12:5: endpoint.ssh.port: …`. */
export function problemsOf(text: string, variables: Variables = {}): readonly string[] {
  const parsed = parseText(text, variables)
  if (parsed.ok) return []
  return parsed.problems.map((problem) => {
    const [first = ''] = formatProblem(problem).split('\n')
    return first.replace(/^config\/homeport\.yaml:? ?/, '')
  })
}
