import Glibc
import GravlaxCompiler
import GravlaxRuntime
import Testing

/// What an interpreter costs before it has run anything. Other tests run at the same time, so resident memory is
/// measured over many interpreters, and the smallest of several measurements counts.
@Suite struct FootprintTests {
    @Test func anInterpreterTakesLessThanAMebibyte() throws {
        let count = 32
        let program = try Compiler.compile(source: Array("".utf8), name: "empty", globalNames: ["clock", "str"])
        var smallest = Int.max
        for _ in 0..<5 {
            var interpreters: [Interpreter] = []
            let before = try residentBytes()
            for _ in 0..<count {
                let interpreter = try Interpreter(configuration: .init(encoding: Value.encoding)) { _ in }
                try interpreter.run(program)
                interpreters.append(interpreter)
            }
            smallest = try min(smallest, residentBytes() - before)
            withExtendedLifetime(interpreters) {}
        }
        #expect(smallest / count < 1 << 20)
    }

    /// - Source: proc(5), /proc/self/statm: the second number is the resident set in pages.
    private func residentBytes() throws -> Int {
        let file = try #require(fopen("/proc/self/statm", "r"))
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        try #require(fgets(&line, Int32(line.count), file) != nil)
        let numbers = line.split(separator: CChar(UInt8(ascii: " ")))
        let text = String(decoding: numbers[1].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return try #require(Int(text)) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
