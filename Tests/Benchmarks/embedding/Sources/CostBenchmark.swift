import Glibc
import Gravlax

/// The median of what `body` takes, in nanoseconds.
private func median(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    var times: [UInt64] = []
    for _ in 0..<count {
        let start = now()
        try body()
        times.append(now() - start)
    }
    times.sort()
    return Double(times[count / 2])
}

/// What interpreters cost that have run a script each, many at once: microseconds to make and to destroy one, KiB resident.
func creationCost() throws -> (create: Double, destroy: Double, kibibytes: Double) {
    let script = try Script("var ready = true;")
    // The first of the process pays for what all share.
    let first = try Interpreter()
    try first.run(script)
    var interpreters: [Interpreter] = []
    let before = residentBytes()
    let count = 100
    let create = try median(count) {
        let interpreter = try Interpreter()
        try interpreter.run(script)
        interpreters.append(interpreter)
    }
    let resident = Double(residentBytes() - before) / Double(count)
    let destroy = median(count) { interpreters.removeLast() }
    return (create / 1e3, destroy / 1e3, resident / 1024)
}

/// Microseconds of a small script, from its text and compiled.
func runCost() throws -> (text: Double, compiled: Double) {
    let source = "var total = 0; for (var i in 0..10) total += i; total"
    let interpreter = try Interpreter()
    let script = try Script(source)
    let text = try median(500) { _ = try interpreter.evaluate(source, as: Int.self) }
    let compiled = try median(2000) { _ = try interpreter.evaluate(script, as: Int.self) }
    return (text / 1e3, compiled / 1e3)
}

/// Nanoseconds of a script's call of a host function with two numbers, the loop around it included.
func hostCallCost() throws -> Double {
    let interpreter = try Interpreter()
    interpreter.define("add") { (x: Double, y: Double) in x + y }
    let count = 100_000
    let script = try Script("for (var i = 0; i < \(count); i += 1) add(i, 1);")
    return try median(11) { try interpreter.run(script) } / Double(count)
}

/// Microseconds of the host's call of a script's function with two numbers.
func scriptCallCost() throws -> Double {
    let interpreter = try Interpreter()
    let add = try interpreter.evaluate("(fun (x, y) => x + y)", as: Value.self)
    return try median(2000) { try add(1, 2) } / 1e3
}

/// Microseconds that a script waits for an asynchronous function that returns at once.
func waitCost() async throws -> Double {
    let interpreter = try Interpreter()
    interpreter.define("wait") { () async in }
    let count = 1000
    let script = try Script("for (var i = 0; i < \(count); i += 1) wait();")
    var times: [UInt64] = []
    for _ in 0..<11 {
        let start = now()
        try await interpreter.run(script)
        times.append(now() - start)
    }
    times.sort()
    return Double(times[times.count / 2]) / Double(count) / 1e3
}

/// The second figure of /proc/self/statm, in bytes.
private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 256)
    guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let fields = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
}

/// Nanoseconds of the clock that only goes forward.
func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
