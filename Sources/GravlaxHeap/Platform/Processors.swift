import CGravlaxShims
import Glibc

/// The processors that the process may use.
package enum Processors {
    /// At least 1; does not follow later changes.
    package static let count: Int = {
        // 8,192 processors: the call fails where there may be more.
        let count = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 128) { set in
            set.initialize(repeating: 0)
            let filled = gravlax_get_affinity(set.baseAddress!, UInt(set.count * 8))
            return filled < 0 ? 0 : set.reduce(0) { $0 + $1.nonzeroBitCount }
        }
        return count > 0 ? count : max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }()
}
