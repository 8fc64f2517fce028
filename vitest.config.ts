import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Where `npm run test:nodes` has the repository once more for each Node. */
const BUILT = 'test/.build/**'

/**
 * Long tests that want the machine for themselves: they measure, bring very many peers, wait no longer than people
 * do, or change what is one of a kind on a machine, such as /etc/homeport.
 */
const ALONE = [
  'a-jump-that-is-not-read',
  'a-node-that-is-too-old',
  'a-storm-of-calls',
  'a-thousand-addresses',
  'bulk-through-the-devices-own-ports',
  'calls-that-wait',
  'commands-find-the-service',
  'completion-in-shells',
  'guessed-passwords',
  'http-authentication',
  'http-rpc-under-load',
  'large-xml-and-json-hold-nobody-up',
  'lines-of-onboard',
  'load-balancers-that-misbehave',
  'many-devices-at-once',
  'replies-that-become-json',
  'roll-back',
  'silent-devices',
  'the-junos-page',
  'the-page-on-firewalls',
  'the-page-on-tools',
  'two-hundred-devices',
  'two-thousand-sessions',
  'what-a-session-takes',
].map((name) => `test/e2e/${name}.long.test.ts`)

/** It waits and hardly works: begun first, it is over when the others are. */
const WAITS = /notifications-for-five-minutes/

class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => Number(WAITS.test(b.moduleId)) - Number(WAITS.test(a.moduleId)))
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: WaitingFirst },
    // Of `npm run coverage`: what the unit tests reach of each file. What the e2e tests reach runs in processes of its
    // own.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['json-summary', 'html'],
      reportOnFailure: true,
      reportsDirectory: 'test/.build/coverage',
    },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/package/**', 'test/**/*.long.test.ts', BUILT],
          // On two cores vitest would leave one to itself, which needs none while tests run.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // Some make RSA keys or start a program: a busy machine takes its time, and a test that hangs still ends.
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: [BUILT],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/e2e/**/*.long.test.ts', 'test/cluster/**/*.long.test.ts', 'test/store/**/*.long.test.ts'],
          exclude: [BUILT, ...ALONE],
          // They wait for programs more than they work.
          maxWorkers: 2,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'long-alone',
          include: ALONE,
          maxWorkers: 1,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'deploy',
          include: ['test/e2e/deploy/*.deploy.test.ts'],
          globalSetup: 'test/e2e/deploy/image.global-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
