import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime
import Testing

/// Every function of the library, called wrongly in every way: the error names the function and the parameter, and nothing
/// else happens.
@Suite struct BuiltinArgumentTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let member: LibraryMember
        var testDescription: String { member.qualifiedName }
    }

    static let cases = LibraryMember.functions.map(Case.init)

    /// A value of each kind.
    private static let samples = [
        ("a number", "1.5"), ("a whole number", "1"), ("a string", "\"a\""), ("a function", "(fun (x) => x)"), ("a list", "[1]"),
        ("a map", "({\"a\": 1})"), ("a boolean", "true"),
    ]
    /// What a function is given that says it takes anything.
    private static let anything = [
        "nil", "-1", "1e300", "-(0 / 0)", "1 / 0", "\"\"", "\"\\u{1F41F}\".repeat(3)", "[]", "[nil, [1], \"a\"]", "({})", "0..3", "Error",
        "Error(\"e\")", "print_", "(fun () => nil)", "(fun (a, b) => a)", "gc", "gc.WeakMap()",
    ]

    private static func fits(_ kind: String, _ wanted: String) -> Bool {
        kind == wanted || wanted == "a value" || kind == "a whole number" && wanted == "a number"
    }

    private static func sample(_ kind: String) -> String { samples.first { $0.0 == kind }?.1 ?? "1" }

    private let interpreter: Interpreter

    init() throws {
        interpreter = try Interpreter(configuration: HeapConfiguration(encoding: Value.encoding)) { _ in }
        interpreter.grants.io = true
        interpreter.grants.system = Grants.System(arguments: [])
        interpreter.fuel = 2_000_000
        let modules = ["gc", "math", "random", "time", "json", "bits", "io", "os"]
        try run(modules.map { "import \"std/\($0)\" as \($0);" }.joined() + "fun print_(x) { print x; }")
    }

    private func run(_ source: String) throws {
        let program = try Compiler.compile(
            source: Array(source.utf8), name: "test", globalNames: interpreter.globalNames, options: CompilerOptions())
        try interpreter.run(program)
    }

    private func call(_ member: LibraryMember, _ arguments: [String]) -> String {
        let receiver =
            switch member.owner {
            case "global": ""
            case "string": "\"some text\"."
            case "list": "[3, 1, 2]."
            case "map": "({\"a\": 1})."
            case "weakReference": "gc.WeakRef([1])."
            case "weakMap": "gc.WeakMap()."
            default: member.owner + "."
            }
        return "\(receiver)\(member.name)(\(arguments.joined(separator: ", ")));"
    }

    private func message(_ source: String) throws -> String? {
        do {
            try run(source)
            return nil
        } catch let error as RuntimeError {
            #expect(error.kind == .error, "\(source)")
            return error.message
        }
    }

    @Test func thereAreMany() { #expect(Self.cases.count > 100) }

    @Test(arguments: cases) func wrongCounts(of one: Case) throws {
        let member = one.member
        let right = member.parameters.map { Self.sample($0.kind) }
        var counts = [member.parameters.count + 1]
        if member.requiredCount > 0 { counts.append(member.requiredCount - 1) }
        for count in counts {
            let source = call(member, (0..<count).map { $0 < right.count ? right[$0] : "1" })
            #expect(try message(source)?.hasPrefix("Expected ") == true, "\(source)")
        }
    }

    @Test(arguments: cases) func wrongKinds(of one: Case) throws {
        let member = one.member
        for (position, parameter) in member.parameters.enumerated() {
            for (kind, text) in Self.samples where !Self.fits(kind, parameter.kind) {
                // Those before it are right.
                let source = call(member, member.parameters[..<position].map { Self.sample($0.kind) } + [text]
                    + member.parameters[(position + 1)...].prefix(max(member.requiredCount - position - 1, 0)).map { Self.sample($0.kind) })
                let wanted = "\(member.qualifiedName) expects \(parameter.kind) as '\(parameter.name)', not "
                #expect(try message(source)?.hasPrefix(wanted) == true, "\(source)")
            }
        }
    }

    /// What takes anything may refuse it, in words, and the interpreter is sound.
    @Test(arguments: cases.filter { $0.member.parameters.contains { $0.kind == "a value" } })
    func anythingAtAll(for one: Case) throws {
        let member = one.member
        for (position, parameter) in member.parameters.enumerated() where parameter.kind == "a value" {
            for text in Self.anything {
                var arguments = member.parameters.map { Self.sample($0.kind) }
                arguments[position] = text
                if let message = try message(call(member, arguments)) { #expect(!message.isEmpty) }
            }
        }
        try run("gc.collect(); assert([1, 2].map(fun (x) => x + 1)[1] == 3, \"sound\");")
    }
}
