import Gravlax
import Testing

struct HostClassTests {
    /// Shared.
    final class Account: HostObject {
        let owner: String
        private(set) var balance = 0.0
        var note: String?

        struct Refusal: Error, Equatable {}

        init(owner: String) { self.owner = owner }

        func deposit(_ amount: Double) throws {
            guard amount > 0 else { throw Refusal() }
            balance += amount
        }

        func same() -> Account { self }
    }

    /// Copied.
    struct Point: HostObject, Equatable {
        var x: Double
        var y: Double

        mutating func move(_ dx: Double, _ dy: Double) {
            x += dx
            y += dy
        }
    }

    static func makeInterpreter(stress: Bool = false) throws -> Interpreter {
        let interpreter = try Interpreter(.stressed(stress))
        try interpreter.define("Account", as: Account.self) { type in
            type.initializer { (owner: String) in Account(owner: owner) }
            type.property("owner", \.owner)
            type.property("balance", get: { $0.balance })
            type.property("note", \.note)
            type.method("deposit") { (account: Account, amount: Double) in try account.deposit(amount) }
            type.method("same") { (account: Account) in account.same() }
            type.method("sum") { (_: Account, a: Int, b: Int, c: Int, d: Int, e: Int, f: Int) in a + b + c + d + e + f }
            type.method("pay") { (account: Account, other: Account, amount: Double) in try other.deposit(amount) }
            type.method("each") { (account: Account, f: Value) in try f(account) }
        }
        try interpreter.define("Point", as: Point.self) { type in
            type.initializer { (x: Double, y: Double) in Point(x: x, y: y) }
            type.property("x", \.x)
            type.property("y", \.y)
            type.property("length", get: { ($0.x * $0.x + $0.y * $0.y).squareRoot() }, set: { $0 = Point(x: $1, y: 0) })
            type.mutatingMethod("move") { (point: inout Point, dx: Double, dy: Double) in point.move(dx, dy) }
            type.mutatingMethod("take") { (point: inout Point, other: Point) in
                point = other
                return other.x
            }
            type.method("plus") { (point: Point, other: Point) in Point(x: point.x + other.x, y: point.y + other.y) }
            type.mutatingMethod("during") { (point: inout Point, f: Value) throws in
                point.x += 1
                try f(point)
                throw Account.Refusal()
            }
        }
        return interpreter
    }

    @Test(arguments: [false, true])
    func scriptsMakeAndUseInstances(stress: Bool) throws {
        let interpreter = try Self.makeInterpreter(stress: stress)
        let text: String = try interpreter.evaluate(
            """
            var a = Account("Ann the first of her name");
            a.deposit(10); a.deposit(2.5);
            a.note = "a note of some length";
            var b = Account("Bob");
            b.pay(a, 1);
            "${a.owner} ${a.balance} ${a.note} ${b.note} ${a.sum(1, 2, 3, 4, 5, 6)} ${a is Account} ${b is Point}"
            """)
        #expect(text == "Ann the first of her name 13.5 a note of some length nil 21 true false")
    }

    @Test(arguments: [false, true])
    func structsAreCopiesThatMethodsChange(stress: Bool) throws {
        let interpreter = try Self.makeInterpreter(stress: stress)
        let text: String = try interpreter.evaluate(
            """
            var p = Point(1, 2);
            var q = p.plus(Point(2, 2));
            q.move(1, -1);
            p.y = 7;
            var alias = p;
            alias.x = -1;
            var taken = p.take(Point(3, 4));
            "${p.x} ${p.y} ${p.length} ${q.x} ${q.y} ${alias.x} ${taken}"
            """)
        #expect(text == "3 4 5 4 3 3 3")
        let point: Point = try interpreter.evaluate("p.length = 6; p")
        #expect(point == Point(x: 6, y: 0))
    }

    /// What a method has done is written back when it throws, and replaces what a script did meanwhile.
    @Test func changesAreWrittenBackWhenAMethodThrows() throws {
        let interpreter = try Self.makeInterpreter()
        let x: Double = try interpreter.evaluate(
            "var p = Point(1, 1); try { p.during(fun (copy) { p.x = 50; copy.x = 60; }); } catch (e) {} p.x")
        #expect(x == 2)
    }

    @Test(arguments: [false, true])
    func anObjectHasOneIdentity(stress: Bool) throws {
        let interpreter = try Self.makeInterpreter(stress: stress)
        let account = Account(owner: "Ann")
        interpreter.define("ann") { [account = Boxed(account)] () in account.content }
        interpreter.define("isAnn") { [account = Boxed(account)] (other: Account) in other === account.content }
        #expect(try interpreter.evaluate("ann() == ann() and ann().same() == ann() and isAnn(ann()) and !isAnn(Account(\"Ann\"))", as: Bool.self))
        try interpreter.set("a", account)
        #expect(try interpreter.evaluate("a == ann() and {ann(): 1}[a] == 1", as: Bool.self))
        let back: Account = try interpreter.evaluate("a")
        #expect(back === account)
        let all: [String: [Account?]] = try interpreter.evaluate("var m = {\"all\": [a, nil, ann()]}; m")
        #expect(all["all"]?[0] === account && all["all"]?[1] == nil && all["all"]?[2] === account)
        try interpreter.set("a", 0)
        interpreter.collect()
        #expect(try interpreter.evaluate("isAnn(ann())", as: Bool.self))
    }

    /// Methods of the host's with names that the language knows.
    @Test(arguments: [false, true])
    func textsAndLoops(stress: Bool) throws {
        final class Numbers: HostObject {}
        let interpreter = try Self.makeInterpreter(stress: stress)
        let counter: Value = try interpreter.evaluate("(fun (n) => fun () { n -= 1; return n < 0 ? nil : n; })")
        try interpreter.define("Numbers", as: Numbers.self) { type in
            type.initializer { () in Numbers() }
            type.method("toString") { (_: Numbers) in "numbers" }
            type.method("iterate") { (_: Numbers) in try counter(3) as Value }
        }
        let text: String = try interpreter.evaluate(
            """
            class Own < Numbers { toString() { return "own " + super.toString(); } }
            var all = [];
            for (var i, x in Numbers()) all.push("${i} ${x}");
            "${Numbers()} ${[Numbers(), Own()]} ${str(Own())} ${all}"
            """)
        #expect(text == "numbers [numbers, own numbers] own numbers [\"0 2\", \"1 1\", \"2 0\"]")
        #expect("\(try interpreter.evaluate("Own()", as: Value.self))" == "own numbers")
    }

    @Test func textsAndLoopsThatFail() throws {
        final class Odd: HostObject {}
        let interpreter = try Self.makeInterpreter()
        try interpreter.define("Odd", as: Odd.self) { type in
            type.initializer { () in Odd() }
            type.method("toString") { (_: Odd) in 1 }
            type.method("iterate") { (_: Odd, x: Int) in x }
        }
        func message(_ source: String) -> String? {
            #expect(throws: ScriptError.self) { try interpreter.run(source) }?.message
        }
        #expect(message("print Odd();") == "toString() of Odd has to return a string.")
        #expect(message("for (var x in Odd()) {}") == "Expected 1 arguments but got 0.")
        #expect("\(try interpreter.evaluate("Odd()", as: Value.self))" == "Odd instance")
    }

    @Test func scriptsCallBack() throws {
        let interpreter = try Self.makeInterpreter()
        let account: Account = try interpreter.evaluate("var a = Account(\"A\"); a.each(fun (it) { it.deposit(3); it.each(fun (again) { again.deposit(4); }); }); a")
        #expect(account.balance == 7)
    }

    @Test func scriptClassesInherit() throws {
        let interpreter = try Self.makeInterpreter()
        let text: String = try interpreter.evaluate(
            """
            class Savings < Account {
              init(owner, rate) { super.init(owner); this.rate = rate; }
              deposit(amount) { super.deposit(amount * (1 + this.rate)); return this; }
            }
            class Plain < Account {}
            var s = Savings("Ann", 0.5).deposit(10);
            var p = Plain("Bob");
            p.deposit(1);
            "${s.balance} ${s.owner} ${s is Account} ${s.same() == s} ${p.balance} ${p is Plain}"
            """)
        #expect(text == "15 Ann true true 1 true")
        let account: Account = try interpreter.evaluate("s")
        #expect(account.balance == 15)
    }

    @Test(arguments: [
        ("Account(\"A\").deposit(\"1\");", "Argument 1 of Account.deposit(): Expected a number, not a string."),
        ("Account(\"A\").pay(1, 2);", "Argument 1 of Account.pay(): Expected an instance of Account, not a number."),
        ("Account(\"A\").pay(Point(1, 2), 2);", "Argument 1 of Account.pay(): Expected an instance of Account, not an instance of Point."),
        ("Account(\"A\").pay(Account(\"B\"), nil);", "Argument 2 of Account.pay(): Expected a number, not nil."),
        ("Account(\"A\").deposit();", "Expected 1 arguments but got 0."), ("Account();", "Expected 1 arguments but got 0."),
        ("Account(1);", "Argument 1 of Account.init(): Expected a string, not a number."),
        ("Account(\"A\").balance = 3;", "Account.balance can't be assigned to."),
        ("Account(\"A\").owner = \"B\";", "Account.owner can't be assigned to."),
        ("Account(\"A\").note = 3;", "Account.note: Expected a string, not a number."),
        ("class B < Account { init() {} } B().deposit(1);", "The instance has no Account yet: its init() must call super.init() first."),
        ("class B < Account { init() {} } print B().owner;", "The instance has no Account yet: its init() must call super.init() first."),
        ("Account(\"A\").deposit(0);", "Refusal()"),
    ])
    func errorsAreTheScripts(source: String, message: String) throws {
        let interpreter = try Self.makeInterpreter()
        let error = #expect(throws: ScriptError.self) { try interpreter.run(source, name: "a.lox") }
        #expect(error?.message == message)
        #expect(error?.file == "a.lox")
        let caught: String = try interpreter.evaluate("var m; try { \(source.hasPrefix("class") ? "Account(1)" : source.dropLast()); } catch (e) { m = e.message; } m")
        #expect(caught == (source.hasPrefix("class") ? "Argument 1 of Account.init(): Expected a string, not a number." : message))
    }

    @Test func tracesAndCausesNameTheMethod() throws {
        let interpreter = try Self.makeInterpreter()
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("fun f(a) {\n  a.deposit(-1);\n}\nf(Account(\"A\"));", name: "a.lox")
        }
        #expect(error?.cause as? Account.Refusal == Account.Refusal())
        #expect(error?.trace.map(\.description) == ["Account.deposit() of the host", "f() at a.lox:2", "script at a.lox:4"])
    }

    @Test func spellingIsSuggested() throws {
        let interpreter = try Self.makeInterpreter()
        let method = #expect(throws: ScriptError.self) { try interpreter.run("Account(\"A\").depositt(1);") }
        #expect(method?.message == "Undefined property 'depositt'.")
        #expect(method?.note == "did you mean `deposit`?")
        let property = #expect(throws: ScriptError.self) { try interpreter.run("print Account(\"A\").balanse;") }
        #expect(property?.note == "did you mean `balance`?")
        let hidden = #expect(throws: ScriptError.self) { try interpreter.run("print Account(\"A\").hostobject;") }
        #expect(hidden?.note == nil)
    }

    @Test func wrongResultsAreErrors() throws {
        let interpreter = try Self.makeInterpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate("Point(1, 2)", as: Account.self) }
        #expect(error?.message == "Expected an instance of Account, not an instance of Point.")
        let unknown = #expect(throws: ScriptError.self) { try Interpreter().set("p", Point(x: 1, y: 2)) }
        #expect(unknown?.message == "The interpreter has no class for Point: define(_:as:) makes one.")
    }

    @Test func withoutAnInitializerOnlySwiftMakesInstances() throws {
        let interpreter = try Interpreter()
        try interpreter.define("Point", as: Point.self) { type in type.property("x", \.x) }
        try interpreter.set("p", Point(x: 4, y: 2))
        #expect(try interpreter.evaluate("p.x", as: Int.self) == 4)
        let error = #expect(throws: ScriptError.self) { try interpreter.run("Point(1);") }
        #expect(error?.message == "Scripts can't make instances of Point.")
    }

    @Test func namesAreChecked() throws {
        let interpreter = try Interpreter()
        let name = #expect(throws: ScriptError.self) { try interpreter.define("a b", as: Point.self) { _ in } }
        #expect(name?.message == "'a b' is not a name.")
        #expect(throws: ScriptError.self) { try interpreter.define("Point", as: Point.self) { $0.property("host object", \.x) } }
        try interpreter.define("Point", as: Point.self) { _ in }
        let again = #expect(throws: ScriptError.self) { try interpreter.define("Other", as: Point.self) { _ in } }
        #expect(again?.message == "Point is defined already.")
    }

    @Test(arguments: [false, true])
    func textsAndFunctionsOfTheClass(stress: Bool) throws {
        var configuration = Configuration()
        configuration.heap.debug.stress = stress ? 1 : 0
        let interpreter = try Interpreter(configuration)
        try interpreter.define("Point", as: Point.self) { type in
            type.text { point in "(\(Int(point.x)), \(Int(point.y)))" }
            type.function("at") { (x: Double, y: Double) in Point(x: x, y: y) }
            type.function("check") { (flag: Bool) in if !flag { throw Account.Refusal() } }
        }
        let text: String = try interpreter.evaluate(
            "Point.check(true); var p = Point.at(1, 2); \"${p} \" + str([p, {\"origin\": Point.at(0, 0)}])")
        #expect(text == "(1, 2) [(1, 2), {\"origin\": (0, 0)}]")
        let value = try interpreter.evaluate("p", as: Value.self)
        #expect(value.description == "(1, 2)")
        let kind = #expect(throws: ScriptError.self) { try interpreter.run("Point.at(1, nil);") }
        #expect(kind?.message == "Argument 2 of Point.at(): Expected a number, not nil.")
        let thrown = #expect(throws: ScriptError.self) { try interpreter.run("Point.check(false);") }
        #expect(thrown?.cause is Account.Refusal)
        let inherited: String = try interpreter.evaluate("class Dot < Point {} str(Dot.at(3, 4))")
        #expect(inherited == "(3, 4)")
    }

    /// Types of others' need no conformance.
    @Test func anyTypeCanBeAClass() throws {
        let interpreter = try Interpreter()
        try interpreter.define("Scalar", as: Unicode.Scalar.self) { type in
            type.initializer { (number: UInt32) in
                guard let scalar = Unicode.Scalar(number) else { throw ScriptError("\(number) is no scalar.") }
                return scalar
            }
            type.property("text", get: { String($0) })
        }
        #expect(try interpreter.evaluate("Scalar(228).text", as: String.self) == "ä")
        let scalar = try interpreter.evaluate("Scalar(229)", as: Value.self).hostObject(as: Unicode.Scalar.self)
        #expect(scalar == "å")
    }
}

/// For closures that must be sendable; one thread uses what is in it.
struct Boxed<Content>: @unchecked Sendable {
    let content: Content
    init(_ content: Content) { self.content = content }
}
