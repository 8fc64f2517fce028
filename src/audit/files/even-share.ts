/**
 * How many each may keep at most so that all together keep `room`: whoever has no more than that keeps all of it, and
 * nobody else keeps more (max-min fairness). Where more than `most` of them have too many, they are held to a little
 * more than the next one has; and where no one stands out any more, it is 0, because then it is not for anybody in
 * particular to have less.
 * @param counts how many each has; more than `room` together, else the answer is 0
 */
export function evenShare(counts: Iterable<number>, room: number, most: number): number {
  const ascending = [...counts].toSorted((a, b) => a - b)
  let left = room
  for (const [at, count] of ascending.entries()) {
    const share = left / (ascending.length - at)
    if (count <= share) {
      left -= count
      continue
    }
    if (ascending.length - at <= most) return share
    const held = STANDS_OUT * (ascending.at(-1 - most) ?? 0)
    return (ascending.at(-1) ?? 0) > held ? held : 0
  }
  return 0
}

/** Who has so many times what others have stands out. */
const STANDS_OUT = 1.1
