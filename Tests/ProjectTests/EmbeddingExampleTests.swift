// The program that runs scripts: built as whoever depends on the package would build it, and run.

import Testing

@Suite("Embedding example")
struct EmbeddingExampleTests {
    @Test func demonstration() throws {
        let program = try buildPackage("Examples/Embedding", configuration: "debug").appendingPathComponent("Embedding").path
        let outcome = try runCommand([program])
        #expect(outcome.status == 0)
        #expect(
            outcome.lines == [
                "Ann gets 50, and has 50",
                "Swift sees Bob with 150.0",
                "line 1 of hostile.lox: Argument 1 of Account.deposit(): Expected a number, not a string.",
                "line 1 of hostile.lox: Out of fuel.",
                "line 1 of hostile.lox: Out of memory.",
                "line 1 of hostile.lox: Stack overflow.",
                "Accounts: Ann 50.0",
                "Accounts: Bob 150.0",
                "<p>ann</p><p>bob</p>",
                "nobody asks for the account of Ann any more",
                "the account of Ann is closed",
                "the rest goes with the interpreter",
                "the account of Bob is closed",
            ])
    }
}
