import { DEVICE_NS, TEST_NS } from './data-model.js'

/** A module that `<get-schema>` hands out (RFC 6022 §3.1). */
export interface YangModule {
  readonly identifier: string
  readonly version: string
  readonly namespace: string
  readonly text: string
}

/** The modules of the simulated device's own. */
export const YANG_MODULES: readonly YangModule[] = [
  {
    identifier: 'simulated-device',
    version: '2025-01-01',
    namespace: DEVICE_NS,
    text: `module simulated-device {
  yang-version 1.1;
  namespace "${DEVICE_NS}";
  prefix dev;

  organization "Homeport";
  description "The configuration and state of a device that Homeport simulates.";

  revision 2025-01-01 {
    description "First revision.";
  }

  typedef address {
    type string {
      pattern '[0-9a-fA-F.:]{2,45}';
    }
  }

  container system {
    leaf hostname { type string { length "1..255"; } }
    leaf location { type string { length "0..255"; } }
    leaf contact { type string { length "0..255"; } }
    leaf-list dns-server { type address; }
    container state {
      config false;
      leaf device-id { type string; }
      leaf uptime { type uint64; units "seconds"; }
    }
  }

  container interfaces {
    list interface {
      key "name";
      leaf name { type string { length "1..255"; } }
      leaf description { type string { length "0..255"; } }
      leaf enabled { type boolean; }
      leaf mtu { type uint16 { range "68..9216"; } }
      leaf parent {
        type leafref { path "../../interface/name"; }
      }
      list address {
        key "ip";
        leaf ip { type address; }
        leaf prefix-length { type uint8 { range "0..128"; } }
      }
      leaf oper-status {
        config false;
        type string;
      }
    }
  }

  notification alarm {
    leaf text { type string; }
  }
}
`,
  },
  {
    identifier: 'simulated-device-test',
    version: '2025-01-01',
    namespace: TEST_NS,
    text: `module simulated-device-test {
  yang-version 1.1;
  namespace "${TEST_NS}";
  prefix devt;

  organization "Homeport";
  description "Replies of any size, late or cut off, for tests.";

  revision 2025-01-01 {
    description "First revision.";
  }

  rpc generate-reply {
    input {
      leaf size { type uint64; units "bytes"; default 0; }
      leaf delay { type uint32; units "milliseconds"; default 0; }
      leaf drop { type empty; description "Cut the connection half way through the reply."; }
    }
    output {
      leaf content { type string; }
    }
  }
}
`,
  },
]
