import Glibc

/// The processors that the process may use.
package enum Processors {
    /// At least 1; does not follow later changes.
    package static let count = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
