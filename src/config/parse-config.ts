import { certificateWarnings } from './certificate-warnings.js'
import { certificatesNamedIn } from './certificates.js'
import { checkFiles } from './check-files.js'
import { checkListeners } from './check-listeners.js'
import { checkMeaning } from './check-meaning.js'
import { writtenSecret } from './check-secrecy.js'
import { warningsAbout } from './warnings.js'
import type { Environment } from './yaml/environment.js'
import { locateWarnings, locateProblems } from './yaml/locate-problems.js'
import { locateTree } from './yaml/located-tree.js'
import { nodeLimitOf } from './yaml/node-limit.js'
import { inFileOrder, type Problem } from './problem.js'
import { homesOfKeys } from './keys-of-schema.js'
import { renameKeys } from './renamed-keys.js'
import { type Config, configSchema } from './schema.js'
import { schemaFaults } from './schema-faults.js'
import { parseYaml } from './yaml/yaml-syntax.js'

export type ParsedConfig =
  | {
      readonly ok: true
      readonly config: Config
      readonly warnings: readonly Problem[]
      /** The first key that has a secret written into the file itself. */
      readonly secretKey?: string
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export interface ConfigSource {
  readonly text: string
  /** How problems name the file. */
  readonly file: string
  /** Absolute; where relative paths start. */
  readonly directory: string
  readonly environment: Environment
}

/**
 * Checks the text of a configuration file. All problems are reported at once, in file order; an empty text is valid.
 */
export function parseConfig({ text, file, directory, environment }: ConfigSource): ParsedConfig {
  const yaml = parseYaml(text)
  if (!yaml.ok) return { ok: false, problems: inFileOrder(yaml.faults.map((fault) => ({ file, key: '', ...fault }))) }

  const { tree, ...renamed } = renameKeys(locateTree(yaml, { environment, nodeLimit: nodeLimitOf(text) }))
  const schema = configSchema(directory, environment)
  const parsed = schema.safeParse(tree.value)
  const faults = [
    ...renamed.faults,
    ...(parsed.success ? checkListeners(parsed.data) : schemaFaults(parsed.error, tree, () => homesOfKeys(schema))),
    ...checkMeaning(tree),
    ...checkFiles(tree, directory),
  ]
  const problems = locateProblems(tree, file, faults)
  if (problems.length > 0 || !parsed.success) return { ok: false, problems }
  const secretKey = writtenSecret(tree)
  return {
    ok: true,
    config: parsed.data,
    warnings: locateWarnings(tree, file, [
      ...renamed.warnings,
      ...warningsAbout(parsed.data),
      ...certificateWarnings(certificatesNamedIn(parsed.data), new Date()),
    ]),
    ...(secretKey === undefined ? {} : { secretKey }),
  }
}
