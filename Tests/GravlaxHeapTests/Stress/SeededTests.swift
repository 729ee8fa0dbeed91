import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// Replay a failure with `GRAVLAX_SEED=<seed> swift test --filter SeededStress`. `GRAVLAX_STRESS_SECONDS` makes the run
/// longer, with seeds beyond the usual ones.
@Suite(.serialized) struct SeededStress {
    private static let usualSeeds: UInt64 = 100

    @Test func everyInterleavingKeepsWhatIsReachable() throws {
        SeedReport.install()
        if let text = environment("GRAVLAX_SEED"), let seed = UInt64(text) {
            try run(seed)
            return
        }
        let end = monotonicSeconds() + stressSeconds * 0.4
        var seed: UInt64 = 1
        while seed <= Self.usualSeeds || monotonicSeconds() < end {
            try run(seed)
            seed += 1
        }
    }

    /// What a mechanism of concurrent marking is good for: without it the same runs lose objects, and see it. In a process
    /// of its own, since a heap that lost objects may end it before the shadow is asked.
    @Test(arguments: [Mechanisms.deletionBarrier, .insertionBarrier, .blackAllocation, .tinyBlockMarking].map(\.rawValue))
    func withoutAMechanismObjectsAreLost(_ rawValue: UInt16) async {
        await #expect(processExitsWith: .failure) { [rawValue] in
            for seed in 1...Self.usualSeeds {
                let failures = try SeededScheduler(seed: seed, disabled: Mechanisms(rawValue: rawValue)).run(steps: 250)
                if failures.contains(where: { $0.hasSuffix("is lost") }) { exit(1) }
            }
        }
    }

    private func run(_ seed: UInt64) throws {
        SeedReport.current.store(seed, ordering: .relaxed)
        let failures = try SeededScheduler(seed: seed).run(steps: 250)
        #expect(failures.isEmpty, "GRAVLAX_SEED=\(seed)")
        SeedReport.current.store(0, ordering: .relaxed)
    }
}

/// Names the seed at work when the process dies of it.
private enum SeedReport {
    static let current = Atomic<UInt64>(0)

    static func install() {
        for number in [SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGTRAP] {
            signal(number) { number in
                let seed = SeedReport.current.load(ordering: .relaxed)
                if seed != 0 {
                    var line: [UInt8] = Array("GRAVLAX_SEED=".utf8)
                    line += Array(String(seed).utf8)
                    line.append(UInt8(ascii: "\n"))
                    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
                }
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// What all stress tests may take together, beyond what they always do.
var stressSeconds: Double { environment("GRAVLAX_STRESS_SECONDS").flatMap(Double.init) ?? 0 }

func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
