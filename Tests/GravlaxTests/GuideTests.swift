import Foundation
import Gravlax
import Synchronization
import Testing

/// What `docs/guide/embedding.md` shows. Each of its snippets stands here, line for line, so that it compiles and runs.
struct GuideTests {
    @Test func everySnippetIsHere() throws {
        let file = URL(fileURLWithPath: #filePath)
        let root = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let guide = try String(contentsOf: root.appendingPathComponent("docs/guide/embedding.md"), encoding: .utf8)
        func lines(_ text: some StringProtocol) -> [String] {
            text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let here = lines(try String(contentsOf: file, encoding: .utf8))
        let snippets = guide.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        #expect(snippets.count >= 6)
        for snippet in snippets {
            let wanted = lines(snippet)
            let isHere = here.indices.contains { Array(here[$0...].prefix(wanted.count)) == wanted }
            #expect(isHere, "not compiled:\n\(snippet)")
        }
    }

    @Test func beginning() throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(64)))
        interpreter.define("hypot") { (x: Double, y: Double) in (x * x + y * y).squareRoot() }
        let n: Double = try interpreter.evaluate("hypot(3, 4)")
        #expect(n == 5)
    }

    @Test func values() throws {
        let interpreter = try Interpreter()
        try interpreter.run(
            """
            class Point {
              init(x, y) { this.x = x; this.y = y; }
              moved(dx, dy) { return Point(this.x + dx, this.y + dy); }
            }
            """)
        let point = try interpreter.evaluate("Point(1, 2)", as: Value.self)
        let moved = try point.call("moved", 10, 10)
        let x = try Int(moved["x"])
        #expect(x == 11)
        let add = try interpreter.evaluate("(fun (a, b) => a + b)", as: Value.self)
        let text = try String(add("key", "word"))
        #expect(text == "keyword")
    }

    struct Profile: Codable {
        var name: String
        var scores: [Int]
    }

    @Test func coding() throws {
        let interpreter = try Interpreter()
        try interpreter.set("profile", encoding: Profile(name: "Ann", scores: [1, 2]))
        try interpreter.run("profile[\"scores\"].push(3);")
        let profile = try interpreter.evaluate("profile", decoding: Profile.self)
        #expect(profile.scores == [1, 2, 3])
    }

    final class Account: HostObject {
        let owner: String
        private(set) var balance = 0.0
        var note: String?

        init(owner: String) { self.owner = owner }

        func withdraw(_ amount: Double) throws {
            guard amount <= balance else { throw ScriptError("\(owner) has only \(balance).") }
            balance -= amount
        }
    }

    @Test func objects() throws {
        let interpreter = try Interpreter()
        try interpreter.define("Account", as: Account.self) { type in
            type.initializer { (owner: String) in Account(owner: owner) }
            type.property("owner", \.owner)
            type.property("note", \.note)
            type.property("balance", get: { $0.balance })
            type.method("withdraw") { (account: Account, amount: Double) in try account.withdraw(amount) }
        }
        let account: Account = try interpreter.evaluate("Account(\"Ann\")")
        try interpreter.set("given", account)
        let error = #expect(throws: ScriptError.self) { try interpreter.run("given.note = \"new\"; given.withdraw(1);") }
        #expect(error?.message == "Ann has only 0.0.")
        #expect(account.note == "new")
    }

    final class Button: HostObject {
        let onClick = HostReference<Value>()
    }

    @Test func references() throws {
        let interpreter = try Interpreter()
        try interpreter.define("Button", as: Button.self) { type in
            type.initializer { () in Button() }
            type.reference("onClick", \.onClick)
            type.method("click") { (button: Button) in try button.onClick.value?() ?? .nil }
        }
        let text: String = try interpreter.evaluate("var b = Button(); b.onClick = fun () => \"clicked\"; b.click()")
        #expect(text == "clicked")
    }

    @Test func errors() throws {
        let interpreter = try Interpreter()
        interpreter.define("load") { (name: String) throws -> String in throw ScriptError("There is no \(name).") }
        do {
            try interpreter.run("print load(\"map\");", name: "main.lox")
        } catch let error as ScriptError {
            print(error.message)  // There is no map.
            for call in error.trace { print(call) }  // load() of the host, script at main.lox:1
        } catch let error as CompileError {
            print(error)
        }
    }

    @Test func limits() throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(16), fuel: 100_000, timeLimit: .seconds(10)))
        do {
            try interpreter.run("while (true) {}")
        } catch let error as ScriptError where error.kind == .fuel {
            interpreter.fuel = 200_000
        }
        let two: Int = try interpreter.evaluate("1 + 1")
        #expect(two == 2)
    }

    @Test func output() throws {
        let printed = Mutex("")
        let interpreter = try Interpreter(
            output: { text in printed.withLock { $0 += text } },
            warnings: { error in printed.withLock { $0 += "warning: \(error.message)\n" } })
        try interpreter.run("print \"hello\";")
        #expect(printed.withLock { $0 } == "hello\n")
    }

    @Test func grants() throws {
        let lines = Mutex(["the answer"])
        let interpreter = try Interpreter(
            .init(input: { lines.withLock { $0.popLast() } }, system: .init(arguments: ["fast"], environment: ["USER": "ann"])))
        let answer: String = try interpreter.evaluate("import \"std/io\" as io; io.readLine()")
        do {
            try interpreter.run("import \"std/os\" as os; if (os.args[0] == \"fast\") os.exit(3);")
        } catch let error as ScriptError where error.kind == .exit(3) {
            print("the script is done")
        }
        #expect(answer == "the answer")
    }

    struct Scripts: ModuleLoader {
        let texts: [String: String]

        func resolve(_ path: String, from importer: String) -> String { path }

        func load(_ name: String) throws(ModuleUnavailable) -> [UInt8] {
            guard let text = texts[name] else { throw ModuleUnavailable(reason: "No such script") }
            return Array(text.utf8)
        }
    }

    @Test func modules() throws {
        let scripts = Scripts(texts: ["greetings.lox": "fun greet(name) { return \"Hello, ${name}!\"; }"])
        let interpreter = try Interpreter(.init(moduleLoader: scripts))
        try interpreter.run("import \"greetings.lox\" as greetings; var text = greetings.greet(\"Ann\");")
        let text: String = try interpreter.evaluate("text")
        #expect(text == "Hello, Ann!")
    }

    struct Pages: Sendable {
        func text(at url: String) async throws -> String {
            await Task.yield()
            return "the text of \(url)"
        }
    }

    @Test func asynchronousFunctions() async throws {
        let pages = Pages()
        let interpreter = try Interpreter()
        interpreter.define("fetch") { (url: String) async throws -> String in try await pages.text(at: url) }
        let sizes: [Int] = try await interpreter.evaluate("[\"/index\", \"/about\"].map(fun (url) => fetch(url).count)")
        #expect(sizes == [18, 18])
    }

    @Test func compiledScripts() throws {
        let script = try Script("greeting + \", \" + name + \"!\"", name: "greet")
        for name in ["Ann", "Bob"] {
            let interpreter = try Interpreter()
            try interpreter.set("greeting", "Hello")
            try interpreter.set("name", name)
            let text: String = try interpreter.evaluate(script)
            print(text)
        }
        let interpreter = try Interpreter()
        try interpreter.run("var name = \"Eve\"; var greeting = \"Good day\";")
        #expect(try interpreter.evaluate(script, as: String.self) == "Good day, Eve!")
    }

    @Test func sharedInterpreters() async throws {
        let pages = Pages()
        let shared = try SharedInterpreter(.init(fuel: 1_000_000))
        try await shared.use { interpreter in
            interpreter.define("fetch") { (url: String) async throws -> String in try await pages.text(at: url) }
            try await interpreter.run("var count = 0; fun size(url) { count += 1; return fetch(url).count; }")
        }
        async let index: Int = shared.evaluate("size(\"/index\")")
        async let about: Int = shared.evaluate("size(\"/about\")")
        let both = try await index + about
        #expect(both == 36)
    }

    @Test func watching() async throws {
        let interpreter = try Interpreter()
        let events = interpreter.events()
        try await interpreter.run("for (var i = 0; i < 100000; i += 1) { var xs = [i, [i]]; }")
        for await event in events {
            if case .cycle(let number, let duration, let bytes) = event.change {
                print("collection \(number) took \(duration) and found \(bytes) bytes alive")
                break
            }
        }
        #expect(interpreter.statistics().cycles > 0)
    }
}
