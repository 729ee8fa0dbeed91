// Finalizers as a user meets them: their errors, and what the command line says about them.

import Testing

@Suite("Finalizers")
struct FinalizerSuite {
    private static let failing = """
        import "std/gc" as gc;
        class A { init(n) { this.n = n; } }
        var log = [];
        fun help(a) { return a.missing; }
        fun done(a) {
          if (a.n == 2) help(a);
          log.push(a.n);
        }
        fun make() {
          gc.onFinalize(A(1), done);
          gc.onFinalize(A(2), done);
          gc.onFinalize(A(3), done);
        }
        make();
        print "before";
        gc.collect();
        gc.runFinalizers();
        print log.count;
        """

    /// The script goes on, and so do the other finalizers. The trace ends where the collector called.
    @Test(arguments: ["", "stress=1,verify=1,clobberfree=1"])
    func anErrorInsideEndsNothing(collector: String) throws {
        let outcome = try Subject.run(
            ["run", "--diagnostics=lox", "-"], input: Array(Self.failing.utf8),
            environment: collector.isEmpty ? [:] : ["GRAVLAX_GC": collector])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "before\n2\n")
        #expect(outcome.errorLines == ["Undefined property 'missing'.", "[line 4] in help()", "[line 6] in done()"])
    }

    @Test func anErrorInsideShowsItsSource() throws {
        let outcome = try Subject.run(["run", "-"], input: Array(Self.failing.utf8))
        #expect(outcome.exitCode == 0)
        #expect(
            outcome.errorText == """
                error: Undefined property 'missing'.
                 --> standard input:4:24
                  |
                4 | fun help(a) { return a.missing; }
                  |                        ^^^^^^^
                    in help() at standard input:4
                    in done() at standard input:6

                """)
    }

    /// A finalizer that never ends its recursion fails like any other, and leaves the stack as it was.
    @Test func endlessRecursionInside() throws {
        let text = """
            import "std/gc" as gc;
            fun deep(n) { return deep([n]) + 1; }
            fun make() { gc.onFinalize([], deep); }
            fun run(a) {
              make();
              gc.collect();
              gc.runFinalizers();
              return a;
            }
            print run("here");
            """
        let outcome = try Subject.run(["run", "--diagnostics=lox", "-"], input: Array(text.utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "here\n")
        #expect(outcome.errorLines.first == "Stack overflow.")
    }

    /// What a cleanup throws is reported, and ends neither the program nor the other cleanups.
    @Test func errorsOfCleanupsAreReported() throws {
        let text = """
            import "std/gc" as gc;
            class Thing {}
            fun make() {
              var thing = Thing();
              gc.onCleanup(thing, fun (x) { throw "in cleanup ${x}"; }, 1);
              gc.onCleanup(thing, fun (x) { print "cleaned up ${x}"; }, 2);
              gc.onCleanup(thing, fun (x) { -nil; }, 3);
            }
            make();
            gc.collect();
            gc.runFinalizers();
            print "over";
            """
        let outcome = try Subject.run(["run", "--diagnostics=lox", "-"], input: Array(text.utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "cleaned up 2\nover\n")
        #expect(outcome.errorLines.filter { !$0.hasPrefix("[") } == ["Uncaught: in cleanup 1", "Operand must be a number."])
    }

    private static let pending = """
        import "std/gc" as gc;
        class A { init(n) { this.n = n; } }
        fun done(a) { print "finalized " + str(a.n); }
        var kept = A(1);
        gc.onFinalize(kept, done);
        fun make() { gc.onFinalize(A(2), done); }
        make();
        print "end";
        """

    /// Without being asked for none run at the end: neither those that are due nor those of live objects.
    @Test func noneRunAtExit() throws {
        let outcome = try Subject.run(["run", "-"], input: Array(Self.pending.utf8), environment: ["GRAVLAX_GC": ""])
        #expect(outcome.outputText == "end\n")
    }

    @Test func allRunAtExitWhenAsked() throws {
        let outcome = try Subject.run(["run", "--finalize-at-exit", "-"], input: Array(Self.pending.utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputLines.sorted() == ["end", "finalized 1", "finalized 2"])
    }

    /// Once: what finalizers register while that goes on stays where it is.
    @Test func eachRunsOnceAtExit() throws {
        let text = """
            import "std/gc" as gc;
            fun done(a) { print "done"; gc.onFinalize([1], done); gc.onFinalize(a, done); }
            var kept = [];
            gc.onFinalize(kept, done);
            """
        let outcome = try Subject.run(["run", "--finalize-at-exit", "-"], input: Array(text.utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "done\n")
    }

    /// What was registered is run, removed, due or waiting.
    @Test func theLedgerAddsUp() throws {
        let text = """
            import "std/gc" as gc;
            fun done(a) {}
            var kept = [];
            gc.onFinalize(kept, done);
            fun make() { gc.onFinalize([1], done); gc.onCleanup([2], done, 3); }
            make();
            gc.collect();
            gc.runFinalizers();
            var removed = [4];
            gc.onFinalize(removed, done);
            gc.onFinalize(removed, nil);
            var stats = gc.stats();
            print stats["finalizersRegistered"];
            print stats["finalizersRun"];
            print stats["finalizersDropped"];
            print stats["finalizersPending"];
            """
        let outcome = try Subject.run(["run", "--finalizers", "-"], input: Array(text.utf8))
        #expect(outcome.outputLines == ["4", "2", "1", "1"])
        #expect(
            outcome.errorLines == [
                "finalizers and cleanups: 4 registered, 2 run, 1 removed, 0 due, 1 waiting",
                "    finalizer of [], set at standard input:4",
            ])
    }

    /// The list tells what can never run: what leads back to itself through a finalizer.
    @Test func whatNeverRunsIsNamed() throws {
        let text = """
            import "std/gc" as gc;
            class A {}
            class B {}
            fun done(a) {}
            fun ring() {
              var a = A();
              var b = B();
              a.other = b;
              b.other = a;
              gc.onFinalize(a, done);
              gc.onCleanup(b, done, nil);
            }
            fun captured() {
              var list = ["a long list", "of texts", "that are", "many"];
              fun last(x) { return list; }
              gc.onFinalize(list, last);
            }
            var kept = {};
            ring();
            captured();
            gc.onFinalize(kept, done);
            var list = gc.stats(true)["finalizers"];
            for (var one in list) print one["kind"] + " " + one["place"] + " " + str(one["never"]) + " " + str(one["due"]);
            print gc.stats().has("finalizers");
            """
        let outcome = try Subject.run(["run", "--finalizers", "-"], input: Array(text.utf8))
        #expect(
            outcome.outputLines.sorted() == [
                "cleanup standard input:11 true false", "false", "finalizer standard input:10 true false",
                "finalizer standard input:16 true false", "finalizer standard input:21 false false",
            ])
        #expect(outcome.errorLines.first == "finalizers and cleanups: 4 registered, 0 run, 0 removed, 0 due, 4 waiting")
        #expect(
            outcome.errorLines.dropFirst().sorted() == [
                "    cleanup of B instance, set at standard input:11: never runs, since it keeps its object itself",
                "    finalizer of A instance, set at standard input:10: never runs, since it keeps its object itself",
                "    finalizer of [\"a long list\", \"of texts\", \"that are\", …, set at standard input:16: never runs, since it keeps its object itself",
                "    finalizer of {}, set at standard input:21",
            ])
    }

    /// What is too long to be shown ends between two characters.
    @Test(arguments: 30..<42)
    func longTextsEndWithACharacter(count: Int) throws {
        let text = """
            import "std/gc" as gc;
            fun done(a) {}
            var kept = ["\(String(repeating: "x", count: count))\u{e9}\u{20ac}\u{1f41f}\u{e9}\u{e9}"];
            gc.onFinalize(kept, done);
            """
        let outcome = try Subject.run(["run", "--finalizers", "-"], input: Array(text.utf8))
        #expect(outcome.errorLines.count == 2)
        #expect(outcome.errorText.contains("…") && !outcome.errorText.contains("\u{fffd}"))
    }

    @Test func noneRunAfterAnError() throws {
        let text = Self.pending + "nil();"
        let outcome = try Subject.run(["run", "--finalize-at-exit", "-"], input: Array(text.utf8), environment: ["GRAVLAX_GC": ""])
        #expect(outcome.exitCode == 70)
        #expect(outcome.outputText == "end\n")
    }
}
