// A program that runs scripts it does not trust: what each may use is limited, and what it can reach is what is given here.

import Gravlax

func serve() async throws {
    let interpreter = try Interpreter(
        .init(heapBudget: .mebibytes(32), fuel: 1_000_000), output: { print($0, terminator: "") },
        warnings: { print("warning: \($0.message)") })
    try exchangeObjects(interpreter)
    exceedLimits(interpreter)
    try exchangeData(interpreter)
    try await waitForPages(interpreter)
    try seeObjectsGo(interpreter)
}

/// A class of the host's: its objects go in and out, and stay the same ones.
func exchangeObjects(_ interpreter: Interpreter) throws {
    try Account.define(in: interpreter)
    try interpreter.run(
        """
        var ann = Account("Ann");
        ann.onChange = fun (account, amount) { print "${account.owner} gets ${amount}, and has ${account.balance}"; };
        ann.deposit(50);

        class Savings < Account {
          init(owner, rate) { super.init(owner); this.rate = rate; }
          grow() { this.deposit(this.balance * this.rate); }
        }
        var bob = Savings("Bob", 0.5);
        bob.deposit(100);
        bob.grow();
        """)
    let bob: Account = try interpreter.evaluate("bob")
    print("Swift sees \(bob.owner) with \(bob.balance)")
}

/// Errors and limits end the run, not the interpreter.
func exceedLimits(_ interpreter: Interpreter) {
    let scripts = [
        "ann.deposit(\"much\");", "while (true) {}", "var text = \"more\"; while (true) text = text + text;",
        "fun f() { return 1 + f(); } f();",
    ]
    for script in scripts {
        do {
            try interpreter.run(script, name: "hostile.lox")
        } catch let error as ScriptError {
            print("line \(error.line ?? 0) of \(error.file ?? "nothing"): \(error.message)")
        } catch {
            print(error)
        }
    }
}

/// What is `Codable` goes in and out as maps and lists.
func exchangeData(_ interpreter: Interpreter) throws {
    struct Report: Codable {
        var title: String
        var totals: [String: Double]
    }
    try interpreter.set("report", encoding: Report(title: "Accounts", totals: ["Ann": 50]))
    let report = try interpreter.evaluate("report[\"totals\"][\"Bob\"] = bob.balance; report", decoding: Report.self)
    for (owner, total) in report.totals.sorted(by: { $0.key < $1.key }) { print("\(report.title): \(owner) \(total)") }
}

/// To a script an asynchronous function is like any other: it waits, and no thread does.
func waitForPages(_ interpreter: Interpreter) async throws {
    interpreter.define("page") { (path: String) async throws -> String in
        try await Task.sleep(for: .milliseconds(1))
        return "<p>\(path)</p>"
    }
    let pages: String = try await interpreter.evaluate("page(\"ann\") + page(\"bob\")")
    print(pages)
}

/// A script's finalizer is called when its object is found dead; after it the host's object is let go of.
func seeObjectsGo(_ interpreter: Interpreter) throws {
    try interpreter.run(
        """
        import "std/gc" as gc;
        gc.onFinalize(ann, fun (account) { print "nobody asks for ${account} any more"; });
        ann = nil;
        gc.collect();
        gc.runFinalizers();
        """)
    interpreter.collect()
    print("the rest goes with the interpreter")
}

try await serve()
