import Glibc

/// The module `std/time`.
extension Machine {
    func runTime(_ builtin: Builtin) -> Value? {
        switch builtin {
        case .monotonic: return seconds(CLOCK_MONOTONIC)
        case .now: return seconds(CLOCK_REALTIME)
        default: fatalError("not a member of std/time")
        }
    }

    func seconds(_ clock: clockid_t) -> Value {
        var time = timespec()
        clock_gettime(clock, &time)
        return Value(unchecked: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
    }
}
