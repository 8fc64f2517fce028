import type { Decider, EnrolmentChange, Enrolments } from '../../../src/fleet/enrolment/enrolment.js'

type Service = Pick<Enrolments, 'get' | 'approve' | 'repin'>

/** Approves the key that a device id shows now, whichever it is. */
export async function approveShown(
  service: Service,
  deviceId: string,
  by: Decider,
  as?: string,
): Promise<EnrolmentChange> {
  return service.approve(deviceId, by, {
    fingerprint: await shown(service, deviceId),
    ...(as === undefined ? {} : { as }),
  })
}

/** Binds a device id to the key that it shows now. */
export async function repinShown(service: Service, deviceId: string, by: Decider): Promise<EnrolmentChange> {
  return service.repin(deviceId, by, await shown(service, deviceId))
}

async function shown(service: Service, deviceId: string): Promise<string> {
  return (await service.get(deviceId))?.presented?.fingerprint ?? `SHA256:${'0'.repeat(43)}`
}
