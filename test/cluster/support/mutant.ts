import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { Logic } from './model-world.js'

/** A change of a line of the logic: a fault that the model has to find. */
export interface Mutation {
  /** Below `src/cluster/`. */
  readonly file: string
  /** What stands there once. */
  readonly from: string
  readonly to: string
}

const SOURCE = join(import.meta.dirname, '../../../src/cluster')

/** The logic of the product with faults put into it. */
export async function mutantOf(mutations: readonly Mutation[]): Promise<Logic> {
  const directory = await mkdtemp(join(tmpdir(), 'homeport-mutant-'))
  try {
    const outfile = join(directory, 'mutant.mjs')
    await build({
      stdin: {
        contents: `export { createClusterNode } from './cluster-node.js'\nexport { EngineFailure } from './engine.js'`,
        resolveDir: SOURCE,
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'silent',
      plugins: [changing(mutations)],
    })
    return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as Logic
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function changing(mutations: readonly Mutation[]): Plugin {
  return {
    name: 'mutation',
    setup: (building) =>
      building.onLoad({ filter: /src\/cluster\/[\w-]+\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, 'utf8')
        for (const { file, from, to } of mutations) {
          if (path !== join(SOURCE, file)) continue
          if (contents.split(from).length !== 2) throw new Error(`${file} has not once: ${from}`)
          contents = contents.replace(from, () => to)
        }
        return { contents, loader: 'ts' }
      }),
  }
}
