// A thread of Node 20 knows no TypeScript by itself, whatever the program was started with.
import { tsImport } from 'tsx/esm/api'

await tsImport('./worker.ts', import.meta.url)
