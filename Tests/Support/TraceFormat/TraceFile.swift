// A strict reader of the Trace Event Format, JSON object form, as its
// specification (CatapultProject, "Trace Event Format") describes it. It knows the writer's
// promises too: sorted by time, slices nested on each track, every track named.

import Foundation

public struct TraceFile {
    public struct Problem: Error, CustomStringConvertible {
        public let description: String
    }

    public struct Slice: Equatable {
        public let name: String
        public let track: String
        /// Nanoseconds.
        public let start: Int
        public let duration: Int
        /// Slices of the track that it lies in.
        public let depth: Int
        public let arguments: [String: String]

        public init(
            _ name: String, on track: String, _ start: Int, _ duration: Int, depth: Int,
            _ arguments: [String: String] = [:]
        ) {
            self.name = name
            self.track = track
            self.start = start
            self.duration = duration
            self.depth = depth
            self.arguments = arguments
        }
    }

    public struct Instant: Equatable {
        public let name: String
        /// Empty for a mark across all tracks.
        public let track: String
        public let time: Int
        public let arguments: [String: String]

        public init(_ name: String, on track: String, _ time: Int, _ arguments: [String: String]) {
            self.name = name
            self.track = track
            self.time = time
            self.arguments = arguments
        }
    }

    public private(set) var slices: [Slice] = []
    public private(set) var instants: [Instant] = []
    /// The samples of each counter, in order of time.
    public private(set) var counters: [String: [(time: Int, value: Int)]] = [:]
    /// Names of the tracks, in the order in which they are shown.
    public private(set) var tracks: [String] = []
    public private(set) var processName = ""
    public private(set) var otherData: [String: String] = [:]

    /// - Throws: a `Problem` that names the first thing that is not as it should be.
    public init(_ bytes: [UInt8]) throws {
        let json = try JSONSerialization.jsonObject(with: Data(bytes))
        guard let object = json as? [String: Any] else { throw Problem(description: "not a JSON object") }
        try Self.check(object, required: ["traceEvents"], optional: ["displayTimeUnit", "otherData"], "the file")
        guard let events = object["traceEvents"] as? [[String: Any]] else { throw Problem(description: "no events") }
        guard ["ns", "ms"].contains(object["displayTimeUnit"] as? String ?? "ms") else {
            throw Problem(description: "displayTimeUnit is neither ns nor ms")
        }
        otherData = object["otherData"] as? [String: String] ?? [:]
        var names: [Int: String] = [:]
        var order: [Int: Int] = [:]
        var lastTime = 0
        var open: [Int: [Int]] = [:]
        for (index, event) in events.enumerated() {
            let place = "event \(index)"
            guard let phase = event["ph"] as? String, let name = event["name"] as? String, !name.isEmpty,
                let process = event["pid"] as? Int, let thread = event["tid"] as? Int
            else { throw Problem(description: "\(place) lacks ph, name, pid or tid") }
            guard process == 1 else { throw Problem(description: "\(place) is of another process") }
            let arguments = event["args"] as? [String: Any] ?? [:]
            if phase == "M" {
                try Self.check(event, required: ["ph", "name", "pid", "tid", "args"], optional: [], place)
                switch name {
                case "process_name": processName = try Self.text(arguments, "name", place)
                case "thread_name": names[thread] = try Self.text(arguments, "name", place)
                case "thread_sort_index": order[thread] = try Self.integer(arguments, "sort_index", place)
                default: throw Problem(description: "\(place): metadata \(name)")
                }
                continue
            }
            let time = try Self.nanoseconds(event, "ts", place)
            if time < lastTime { throw Problem(description: "\(place) is earlier than the one before it") }
            lastTime = time
            switch phase {
            case "X":
                try Self.check(event, required: ["ph", "name", "cat", "pid", "tid", "ts", "dur"], optional: ["args"], place)
                let duration = try Self.nanoseconds(event, "dur", place)
                var ends = open[thread] ?? []
                while let end = ends.last, end <= time { ends.removeLast() }
                if let end = ends.last, time + duration > end {
                    throw Problem(description: "\(place), \(name), sticks out of the slice it lies in")
                }
                slices.append(Slice(
                    name, on: try Self.track(names, thread, place), time, duration, depth: ends.count,
                    arguments.mapValues { "\($0)" }))
                ends.append(time + duration)
                open[thread] = ends
            case "i":
                try Self.check(event, required: ["ph", "name", "cat", "pid", "tid", "ts", "s"], optional: ["args"], place)
                guard let scope = event["s"] as? String, ["g", "t"].contains(scope) else {
                    throw Problem(description: "\(place): scope")
                }
                instants.append(Instant(
                    name, on: scope == "g" ? "" : try Self.track(names, thread, place), time,
                    arguments.mapValues { "\($0)" }))
            case "C":
                try Self.check(event, required: ["ph", "name", "pid", "tid", "ts", "args"], optional: [], place)
                guard arguments.count == 1 else { throw Problem(description: "\(place): one series a counter") }
                counters[name, default: []].append((time, try Self.integer(arguments, "bytes", place)))
            default: throw Problem(description: "\(place): phase \(phase)")
            }
        }
        guard Set(names.keys) == Set(order.keys) else { throw Problem(description: "a track lacks its name or place") }
        tracks = names.sorted { (order[$0.key] ?? 0) < (order[$1.key] ?? 0) }.map(\.value)
        if Set(tracks).count != tracks.count { throw Problem(description: "two tracks have one name") }
    }

    private static func check(
        _ object: [String: Any], required: Set<String>, optional: Set<String>, _ place: String
    ) throws {
        let keys = Set(object.keys)
        if let missing = required.subtracting(keys).min() { throw Problem(description: "\(place) lacks \(missing)") }
        if let extra = keys.subtracting(required).subtracting(optional).min() {
            throw Problem(description: "\(place) has \(extra)")
        }
    }

    private static func text(_ object: [String: Any], _ key: String, _ place: String) throws -> String {
        guard let text = object[key] as? String, !text.isEmpty else { throw Problem(description: "\(place): \(key)") }
        return text
    }

    private static func integer(_ object: [String: Any], _ key: String, _ place: String) throws -> Int {
        guard let number = object[key] as? Int, number >= 0 else { throw Problem(description: "\(place): \(key)") }
        return number
    }

    /// A time in microseconds with three decimal places.
    private static func nanoseconds(_ object: [String: Any], _ key: String, _ place: String) throws -> Int {
        guard let number = object[key] as? Double, number >= 0 else { throw Problem(description: "\(place): \(key)") }
        return Int((number * 1000).rounded())
    }

    private static func track(_ names: [Int: String], _ thread: Int, _ place: String) throws -> String {
        guard let name = names[thread] else { throw Problem(description: "\(place): a track without a name") }
        return name
    }
}
