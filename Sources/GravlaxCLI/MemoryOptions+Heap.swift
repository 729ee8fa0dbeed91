// The options of the command line as the heap wants them.

import GravlaxHeap
import GravlaxRuntime

extension MemorySettings {
    func heapConfiguration(settings: CollectorSettings) -> HeapConfiguration {
        var configuration = HeapConfiguration(encoding: Value.encoding)
        configuration.budget = memoryLimit
        configuration.gcPercent = gcPercent
        configuration.measuresStalls = statistics != nil
        configuration.debug.verify = settings.verify
        configuration.debug.stress = settings.stress
        configuration.debug.clobberFree = settings.clobberFree
        configuration.debug.stopTheWorld = settings.stopTheWorld
        return configuration
    }
}
