// A strict reader of the lines that Go 1.14 prints under GODEBUG: every character has its place.

import Foundation

/// One line; numbers as they stand there.
enum GoTraceLine: Equatable {
    /// Times in milliseconds, sizes in MB.
    case collection(
        number: Int, atSeconds: Double, percent: Int, clock: [Double], cpu: [Double], heap: [Int], goal: Int,
        processors: Int, forced: Bool)
    case sweepDone(heapMB: Int, allocatedMB: Int, pages: Int, pagesPerByte: Double)
    case pacerStart(ratio: Double, scanMB: Int, liveMB: Int, goalMB: Int, dedicated: Int, fractional: Double)
    /// By name, in the order of the line.
    case pacerEnd(names: [String], values: [Double])
    case scavenge(workKiB: Int, totalKiB: Int, percent: Int, forced: Bool)

    struct Malformed: Error { let line: String }

    /// - Throws: `Malformed`, for anything that Go would not have printed.
    init(_ line: String) throws {
        if let match = try Self.collection.wholeMatch(in: line) {
            let times = (4...11).compactMap { match.output[$0].substring.map(String.init) }
            guard times.allSatisfy({ $0.wholeMatch(of: Self.milliseconds) != nil }) else { throw Malformed(line: line) }
            let numbers = times.compactMap(Double.init)
            self = .collection(
                number: Self.integer(match, 1), atSeconds: Self.number(match, 2), percent: Self.integer(match, 3),
                clock: Array(numbers[0..<3]), cpu: Array(numbers[3..<8]), heap: (12...14).map { Self.integer(match, $0) },
                goal: Self.integer(match, 15), processors: Self.integer(match, 16),
                forced: match.output[17].substring != nil)
        } else if let match = try Self.sweepDone.wholeMatch(in: line) {
            self = .sweepDone(
                heapMB: Self.integer(match, 1), allocatedMB: Self.integer(match, 2), pages: Self.integer(match, 3),
                pagesPerByte: Self.number(match, 4))
        } else if let match = try Self.pacerStart.wholeMatch(in: line) {
            self = .pacerStart(
                ratio: Self.number(match, 1), scanMB: Self.integer(match, 2), liveMB: Self.integer(match, 3),
                goalMB: Self.integer(match, 4), dedicated: Self.integer(match, 5), fractional: Self.number(match, 6))
        } else if let match = try Self.pacerEnd.wholeMatch(in: line) {
            self = .pacerEnd(names: Self.pacerNames, values: (1...Self.pacerNames.count).map { Self.number(match, $0) })
        } else if let match = try Self.scavenge.wholeMatch(in: line) {
            self = .scavenge(
                workKiB: Self.integer(match, 1), totalKiB: Self.integer(match, 2), percent: Self.integer(match, 3),
                forced: match.output[4].substring != nil)
        } else {
            throw Malformed(line: line)
        }
    }

    static let pacerNames = [
        "H_m_prev", "h_t", "H_T", "h_a", "H_a", "h_g", "H_g", "u_a", "u_g", "W_a", "goalΔ", "actualΔ", "u_a/u_g",
    ]

    private typealias Pattern = Regex<AnyRegexOutput>

    private static func pattern(_ text: String) -> Pattern {
        do { return try Regex(text) } catch { fatalError("\(text): \(error)") }
    }

    /// What the runtime's print makes of a float.
    private static let float = #"([+-]\d\.\d{6}e[+-]\d{3})"#
    private static let time = #"([\d.]+)"#
    /// Two digits of precision below 10 ms, no decimals from there.
    private static var milliseconds: Regex<Substring> { /0|0\.0\d\d|0\.\d\d|[1-9]\.\d|[1-9]\d+/ }

    private static var collection: Pattern {
        pattern(
            #"gc ([1-9]\d*) @(\d+\.\d{3})s (\d+)%: "# + "\(time)\\+\(time)\\+\(time) ms clock, "
                + "\(time)\\+\(time)/\(time)/\(time)\\+\(time) ms cpu, "
                + #"(\d+)->(\d+)->(\d+) MB, (\d+) MB goal, (\d+) P( \(forced\))?"#)
    }
    private static var sweepDone: Pattern {
        pattern(
            #"pacer: sweep done at heap size (\d+)MB; allocated (\d+)MB during sweep; swept (\d+) pages at "# + float
                + " pages/byte")
    }
    private static var pacerStart: Pattern {
        pattern("pacer: assist ratio=\(float) " + #"\(scan (\d+) MB in (\d+)->(\d+) MB\) workers=(\d+)\+"# + float)
    }
    private static var pacerEnd: Pattern {
        let integers: Set<String> = ["H_m_prev", "H_T", "H_a", "H_g", "W_a"]
        return pattern("pacer: " + pacerNames.map { "\($0)=" + (integers.contains($0) ? #"(\d+)"# : float) }.joined(separator: " "))
    }
    private static var scavenge: Pattern {
        pattern(#"scav (\d+) KiB work, (\d+) KiB total, (\d+)% util( \(forced\))?"#)
    }

    private static func integer(_ match: Pattern.Match, _ index: Int) -> Int {
        Int(match.output[index].substring ?? "") ?? -1
    }

    private static func number(_ match: Pattern.Match, _ index: Int) -> Double {
        Double(match.output[index].substring ?? "") ?? .nan
    }
}
