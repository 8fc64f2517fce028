import type { ConfigError } from '../config-error.js'
import type { LocatedTree } from './located-tree.js'
import { inFileOrder, type Problem } from '../problem.js'
import { formatPath } from './value-path.js'

/** All that is wrong with a file, at its places and in their order: what could not be read, and what was judged. */
export function locateProblems(tree: LocatedTree, file: string, judged: readonly ConfigError[]): readonly Problem[] {
  return inFileOrder(withoutConsequences(locateAll(tree, file, tree.faults), locateAll(tree, file, judged)))
}

/** What is doubtful in a file, in the order of the places. */
export function locateWarnings(tree: LocatedTree, file: string, warnings: readonly ConfigError[]): readonly Problem[] {
  return inFileOrder(locateAll(tree, file, warnings))
}

function locateAll(tree: LocatedTree, file: string, faults: readonly ConfigError[]): readonly Problem[] {
  return faults.map(({ path, message, hint, denied, place }) => {
    const told = {
      file,
      key: formatPath(tree.pathInFile(path)),
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(denied === undefined ? {} : { denied }),
    }
    if (place === undefined && path.length === 0) return told
    const { line, column } = place ?? tree.placeOf(path)
    return { ...told, line, column }
  })
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
