// Options that several commands share, and the types of their values.

import ArgumentParser

struct DiagnosticsOptions: ParsableArguments {
    enum Style: String, ExpressibleByArgument, CaseIterable {
        case rich, lox
    }

    @Option(
        name: .customLong("diagnostics"),
        help: "How errors are shown: with their source lines, or as the C implementation of Lox does.")
    var style: Style = .rich
}

struct MemoryOptions: ParsableArguments {
    @Option(
        name: .customLong("stats"),
        help: ArgumentHelp(
            "Print memory statistics on standard error after the run (plain --stats means text).",
            valueName: "text|json"))
    var statistics: StatisticsFormat?

    @Flag(help: "Print a line for each collection on standard error, as Go's gctrace=1 does.")
    var gctrace = false

    @Flag(help: "Print what paces collections on standard error, as Go's gcpacertrace=1 does.")
    var gcpacertrace = false

    @Flag(help: "Print what is given back to the system on standard error, as Go's scavtrace=1 does.")
    var scavtrace = false

    @Option(
        help: ArgumentHelp(
            "Write what the collector does to a file that Perfetto and chrome://tracing open.", valueName: "file"))
    var trace: String?

    @Option(
        help: ArgumentHelp(
            "Never use more heap memory than this: bytes, or with KiB, MiB, GiB.", valueName: "size"))
    var memoryLimit: ByteSize?

    @Option(
        help: ArgumentHelp(
            "Collect when the heap has grown by this percentage since the last collection; off never does.",
            valueName: "n|off"))
    var gcPercent: GCPercent = GCPercent(value: 100)

    @Flag(help: "When the program has ended normally, run all finalizers that are pending, once.")
    var finalizeAtExit = false

    @Flag(help: "Print on standard error, after the run, what became of all finalizers and cleanups.")
    var finalizers = false

    var settings: MemorySettings {
        MemorySettings(
            statistics: statistics,
            traceLines: TraceLines(gctrace: gctrace, gcpacertrace: gcpacertrace, scavtrace: scavtrace), trace: trace,
            memoryLimit: memoryLimit?.byteCount, gcPercent: gcPercent.value, finalizesAtExit: finalizeAtExit,
            showsFinalizers: finalizers)
    }
}

/// What `MemoryOptions` says. The defaults are those of the options.
struct MemorySettings {
    var statistics: StatisticsFormat?
    var traceLines = TraceLines()
    /// Path of the file for a trace; nil is none.
    var trace: String?
    /// In bytes; nil is none.
    var memoryLimit: UInt64?
    /// -1 is off.
    var gcPercent = 100
    /// Whether all pending finalizers run when the program has ended normally.
    var finalizesAtExit = false
    /// Whether the ledger of finalizers is printed at the end.
    var showsFinalizers = false
}

package enum StatisticsFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// A number of bytes, as in `65536`, `512KiB`, `64MiB` or `1.5GiB`.
package struct ByteSize: ExpressibleByArgument {
    package let byteCount: UInt64

    package init?(argument: String) {
        let units: [(String, Double)] = [
            ("KIB", 0x1p10), ("MIB", 0x1p20), ("GIB", 0x1p30), ("TIB", 0x1p40), ("B", 1), ("", 1),
        ]
        let text = argument.uppercased()
        guard let (unit, scale) = units.first(where: { text.hasSuffix($0.0) }),
            // No hexadecimal digits, no exponent, no word.
            text.dropLast(unit.count).allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }),
            let number = Double(text.dropLast(unit.count))
        else { return nil }
        let bytes = number * scale
        guard bytes < 0x1p63 else { return nil }
        byteCount = UInt64(bytes)
    }
}

struct GCPercent: ExpressibleByArgument {
    /// -1 is off.
    let value: Int

    init(value: Int) { self.value = value }

    init?(argument: String) {
        if argument.lowercased() == "off" {
            value = -1
        } else if let number = Int(argument), (0...1_000_000).contains(number) {
            value = number
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { String(value) }
}
