import type { Decider, EnrolmentChange, Enrolments } from '../../../src/fleet/enrolment/enrolment.js'

type Desk = Pick<Enrolments, 'get' | 'approve' | 'repin'>

/** Approves the key that a device id shows now, whichever it is. */
export async function approveShown(desk: Desk, deviceId: string, by: Decider, as?: string): Promise<EnrolmentChange> {
  return desk.approve(deviceId, by, { fingerprint: await shown(desk, deviceId), ...(as === undefined ? {} : { as }) })
}

/** Binds a device id to the key that it shows now. */
export async function repinShown(desk: Desk, deviceId: string, by: Decider): Promise<EnrolmentChange> {
  return desk.repin(deviceId, by, await shown(desk, deviceId))
}

async function shown(desk: Desk, deviceId: string): Promise<string> {
  return (await desk.get(deviceId))?.presented?.fingerprint ?? `SHA256:${'0'.repeat(43)}`
}
