import Glibc
import GravlaxCompiler
import GravlaxRuntime
import Testing

/// What an interpreter costs before it has run anything: measured in a process of its own, over several at once.
@Suite struct FootprintTests {
    @Test func anInterpreterTakesLessThanAMebibyte() async {
        await #expect(processExitsWith: .success) {
            let count = 32
            let program = try Compiler.compile(source: Array("".utf8), name: "empty", globalNames: Interpreter.libraryGlobalNames)
            let before = try residentBytes()
            var interpreters: [Interpreter] = []
            for _ in 0..<count {
                let interpreter = try Interpreter(configuration: .init(encoding: Value.encoding)) { _ in }
                try interpreter.run(program)
                interpreters.append(interpreter)
            }
            let each = try (residentBytes() - before) / count
            withExtendedLifetime(interpreters) {}
            precondition(each > 0 && each < 1 << 20, "\(each) bytes resident for each interpreter")
        }
    }
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
