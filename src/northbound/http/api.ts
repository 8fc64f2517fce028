import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Enrolments } from '../../fleet/enrolment.js'
import type { Fleet } from '../../fleet/fleet.js'

/** What the routes ask of the fleet. */
export interface Ports {
  readonly fleet: Pick<Fleet, 'device' | 'devices'>
  readonly enrolments: Enrolments
}

/** The app that routes are registered on. Whoever authenticates a request says who it is by setting `operator`. */
export type Api = OpenAPIHono<{ Variables: { operator: string } }>
