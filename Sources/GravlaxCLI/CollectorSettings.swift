// The collector's debug modes, from GRAVLAX_GC=name=value,name=value.

import ArgumentParser
import Glibc

package struct CollectorSettings: Equatable {
    package var gctrace = false
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
            case "gctrace": gctrace = value != 0
            case "verify": verify = value != 0
            case "stress": stress = value
            case "clobberfree": clobberFree = value != 0
            case "stw": stopTheWorld = value != 0
            default:
                throw ValidationError(
                    "GRAVLAX_GC: unknown mode '\(parts[0])'; there are gctrace, verify, stress, clobberfree, stw")
            }
        }
    }

    package static func fromEnvironment() throws -> CollectorSettings {
        guard let value = getenv("GRAVLAX_GC") else { return CollectorSettings() }
        return try CollectorSettings(environmentValue: String(cString: value))
    }
}
