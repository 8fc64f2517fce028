// Loaded into the bridge by a test: on SIGUSR2 it writes what is alive after a full collection as one line of JSON.
process.on('SIGUSR2', () => {
  globalThis.gc()
  // What the first collection finalised is freed by the second.
  setImmediate(() => {
    globalThis.gc()
    const counts = {}
    for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
    const { heapUsed, external } = process.memoryUsage()
    process.stderr.write(
      `${JSON.stringify({ level: 'report', msg: 'report', heapUsed: heapUsed + external, resources: counts })}\n`,
    )
  })
})
