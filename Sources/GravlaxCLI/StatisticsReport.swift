// The statistics of a heap as a table for people or as JSON for programs.

package struct StatisticsReport {
    package enum Unit {
        case bytes, count, nanoseconds
    }

    /// A number under its name in `--stats=json`.
    package struct Entry {
        package let name: String
        package let value: UInt64
        package let unit: Unit
        /// For the table.
        package let meaning: String

        package init(_ name: String, _ value: UInt64, _ unit: Unit, _ meaning: String) {
            self.name = name
            self.value = value
            self.unit = unit
            self.meaning = meaning
        }
    }

    /// What was allocated in one size class; class 0 is everything larger than 32 KiB.
    package struct SizeClassRow {
        package let byteCount: UInt64
        package let allocations: UInt64
        package let frees: UInt64

        package init(byteCount: UInt64, allocations: UInt64, frees: UInt64) {
            self.byteCount = byteCount
            self.allocations = allocations
            self.frees = frees
        }
    }

    /// How often something was waited for, and how long; in nanoseconds.
    package struct LatencyRow {
        package let name: String
        package let meaning: String
        package let count: UInt64
        /// What half of the times, 99 and 99.9 of a hundred do not exceed, and the longest.
        package let p50, p99, p999, maximum: UInt64
        package let total: UInt64

        package init(
            _ name: String, _ meaning: String, count: UInt64, p50: UInt64, p99: UInt64, p999: UInt64, maximum: UInt64,
            total: UInt64
        ) {
            self.name = name
            self.meaning = meaning
            self.count = count
            self.p50 = p50
            self.p99 = p99
            self.p999 = p999
            self.maximum = maximum
            self.total = total
        }
    }

    package let entries: [Entry]
    package let latencies: [LatencyRow]
    package let sizeClasses: [SizeClassRow]

    package init(entries: [Entry], latencies: [LatencyRow], sizeClasses: [SizeClassRow]) {
        self.entries = entries
        self.latencies = latencies
        self.sizeClasses = sizeClasses
    }

    /// One object on one line: the entries, `latencies` by name, and `sizeClasses` with those that were used.
    package var json: String {
        var members = entries.map { "\"\($0.name)\":\($0.value)" }
        let rows = usedClasses.map {
            "{\"byteCount\":\($0.byteCount),\"mallocs\":\($0.allocations),\"frees\":\($0.frees)}"
        }
        let waits = latencies.map {
            "\"\($0.name)\":{\"count\":\($0.count),\"p50\":\($0.p50),\"p99\":\($0.p99),\"p999\":\($0.p999),"
                + "\"max\":\($0.maximum),\"total\":\($0.total)}"
        }
        members.append("\"latencies\":{\(waits.joined(separator: ","))}")
        members.append("\"sizeClasses\":[\(rows.joined(separator: ","))]")
        return "{\(members.joined(separator: ","))}\n"
    }

    package var text: String {
        var lines = ["memory after the run"]
        let width = entries.map(\.name.count).max() ?? 0
        for entry in entries {
            lines.append(
                "  " + Self.left(entry.name, width) + Self.right(Self.readable(entry.value, entry.unit), 14)
                    + "  " + entry.meaning)
        }
        if latencies.contains(where: { $0.count > 0 }) {
            let heads = ["count", "p50", "p99", "p99.9", "max"]
            lines.append("times" + String(repeating: " ", count: 11) + heads.map { Self.right($0, 10) }.joined())
            for row in latencies where row.count > 0 {
                let times = [row.p50, row.p99, row.p999, row.maximum].map { Self.readable($0, .nanoseconds) }
                let cells = ([String(row.count)] + times).map { Self.right($0, 10) }
                lines.append("  " + Self.left(row.name, 14) + cells.joined() + "  " + row.meaning)
            }
        }
        if !usedClasses.isEmpty {
            lines.append("objects by size" + Self.right("allocated", 15) + Self.right("freed", 14) + Self.right("left", 14))
            for row in usedClasses {
                let size = row.byteCount == 0 ? "larger" : "\(row.byteCount) B"
                lines.append(
                    Self.right(size, 15) + Self.right(String(row.allocations), 15)
                        + Self.right(String(row.frees), 14) + Self.right(String(row.allocations &- row.frees), 14))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var usedClasses: [SizeClassRow] { sizeClasses.filter { $0.allocations > 0 } }

    /// With a unit, and two or more digits that count.
    package static func readable(_ value: UInt64, _ unit: Unit) -> String {
        switch unit {
        case .count: return String(value)
        case .bytes: return scaled(value, [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
        case .nanoseconds: return scaled(value, [("ns", 1), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)])
        }
    }

    private static func scaled(_ value: UInt64, _ units: [(name: String, size: UInt64)]) -> String {
        let unit = units.last { value >= $0.size } ?? units[0]
        if unit.size == 1 { return "\(value) \(unit.name)" }
        let tenths = UInt64((Double(value) / Double(unit.size) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit.name)"
    }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 0)) + text
    }
}
