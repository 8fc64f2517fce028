// Read before ssh2's addon. In the headers of Node 24.19 and later each object that the addon makes registers a hook, and
// takes it away again when the garbage collector frees the object; Node before 24.22 ends the process at that. The hooks
// are for threads that end before their objects do, and the bridge uses ssh2 on its main thread alone.
#include <node.h>
#define AddEnvironmentCleanupHook(...) static_cast<void>(0)
#define RemoveEnvironmentCleanupHook(...) static_cast<void>(0)
