import { checkFiles } from './check-files.js'
import { checkListeners } from './check-listeners.js'
import { checkMeaning } from './check-meaning.js'
import { doubtsAbout } from './doubts.js'
import type { Environment } from './environment.js'
import type { Fault } from './fault.js'
import { type LocatedTree, locateTree } from './located-tree.js'
import { inFileOrder, type Problem } from './problem.js'
import { type Config, configSchema } from './schema.js'
import { schemaFaults } from './schema-faults.js'
import { formatPath } from './value-path.js'
import { parseYaml } from './yaml-syntax.js'

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export interface ConfigSource {
  readonly text: string
  /** How problems name the file. */
  readonly file: string
  /** Absolute; where relative paths start. */
  readonly directory: string
  readonly environment: Environment
}

/** Checks the text of a configuration file. All problems are reported at once, in file order; an empty text is valid. */
export function parseConfig({ text, file, directory, environment }: ConfigSource): ParsedConfig {
  const yaml = parseYaml(text)
  if (!yaml.ok) return { ok: false, problems: inFileOrder(yaml.faults.map((fault) => ({ file, key: '', ...fault }))) }

  const tree = locateTree(yaml.document, yaml.lines, environment, Math.max(100_000, text.length * 10))
  const parsed = configSchema(directory, environment).safeParse(tree.value)
  const faults = [
    ...(parsed.success ? checkListeners(parsed.data) : schemaFaults(parsed.error, tree)),
    ...checkMeaning(tree),
    ...checkFiles(tree, directory),
  ]
  const locate = (fault: Fault): Problem => located(fault, tree, file)
  const problems = withoutConsequences(tree.faults.map(locate), faults.map(locate))
  if (problems.length > 0 || !parsed.success) return { ok: false, problems: inFileOrder(problems) }
  return { ok: true, config: parsed.data, warnings: inFileOrder(doubtsAbout(parsed.data).map(locate)) }
}

function located({ path, message, hint, place }: Fault, tree: LocatedTree, file: string): Problem {
  const told = { file, key: formatPath(path), message, ...(hint === undefined ? {} : { hint }) }
  if (place === undefined && path.length === 0) return told
  const { line, column } = place ?? tree.placeOf(path)
  return { ...told, line, column }
}

/** A value that could not even be read is not judged as well, and what an alias repeats is told once. */
function withoutConsequences(unread: readonly Problem[], judged: readonly Problem[]): readonly Problem[] {
  const unreadSpots = new Set(unread.map(spot))
  const told = new Set<string>()
  return [...unread, ...judged.filter((problem) => !unreadSpots.has(spot(problem)))].filter((problem) => {
    const lastStep = problem.key.replace(/^.*[.[]/, '')
    const telling = `${problem.line}:${problem.column}:${lastStep}:${problem.message}`
    if (told.has(telling)) return false
    told.add(telling)
    return true
  })
}

function spot(problem: Problem): string {
  return `${problem.line}:${problem.column}:${problem.key}`
}
