// The collector's debug modes, from GRAVLAX_GC=name=value,name=value.

import ArgumentParser
import Glibc

/// Which lines about collections go to standard error.
package struct TraceLines: Equatable {
    package var gctrace = false
    package var gcpacertrace = false
    package var scavtrace = false

    package init(gctrace: Bool = false, gcpacertrace: Bool = false, scavtrace: Bool = false) {
        self.gctrace = gctrace
        self.gcpacertrace = gcpacertrace
        self.scavtrace = scavtrace
    }

    /// Those of either.
    static func | (left: TraceLines, right: TraceLines) -> TraceLines {
        TraceLines(
            gctrace: left.gctrace || right.gctrace, gcpacertrace: left.gcpacertrace || right.gcpacertrace,
            scavtrace: left.scavtrace || right.scavtrace)
    }

    var isEmpty: Bool { self == TraceLines() }
}

package struct CollectorSettings: Equatable {
    package var traceLines = TraceLines()
    package var verify = false
    /// Collect at every n-th allocation; 0 is off.
    package var stress = 0
    package var clobberFree = false
    package var stopTheWorld = false

    package init() {}

    /// - Throws: A `ValidationError` that names what is wrong.
    package init(environmentValue: String) throws {
        for entry in environmentValue.split(separator: ",") {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = Int(parts[1]), value >= 0 else {
                throw ValidationError("GRAVLAX_GC: '\(entry)' is not of the form name=number")
            }
            switch parts[0] {
            case "gctrace": traceLines.gctrace = value != 0
            case "gcpacertrace": traceLines.gcpacertrace = value != 0
            case "scavtrace": traceLines.scavtrace = value != 0
            case "verify": verify = value != 0
            case "stress": stress = value
            case "clobberfree": clobberFree = value != 0
            case "stw": stopTheWorld = value != 0
            default:
                throw ValidationError(
                    "GRAVLAX_GC: unknown mode '\(parts[0])'; there are gctrace, gcpacertrace, scavtrace, verify, "
                        + "stress, clobberfree, stw")
            }
        }
    }

    package static func fromEnvironment() throws -> CollectorSettings {
        guard let value = getenv("GRAVLAX_GC") else { return CollectorSettings() }
        return try CollectorSettings(environmentValue: String(cString: value))
    }
}
