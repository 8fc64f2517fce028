import type { LoopTurns } from './loop-turn.js'

export function measureLoopTurns(): LoopTurns
