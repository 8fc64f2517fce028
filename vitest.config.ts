import { defineConfig } from 'vitest/config'

// Where a change is judged once, a machine that stumbled gets one more try; whoever works on the code sees every failure at once.
const retry = process.env['CI'] === 'true' ? 1 : 0

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/e2e/**'], retry } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          testTimeout: 60_000,
          retry,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/e2e/**/*.long.test.ts'],
          testTimeout: 900_000,
          retry,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
