// The texts that the command line makes itself.

import Testing

import GravlaxCLI

@Suite("Reports")
struct ReportSuite {
    @Test(arguments: [
        (0, "0"), (999, "0"), (1_000, "0.001"), (99_999, "0.099"), (100_000, "0.10"), (123_456, "0.12"),
        (1_234_567, "1.2"), (9_999_999, "9.9"), (10_000_000, "10"), (1_234_567_890, "1234"),
    ] as [(UInt64, String)])
    func timesHaveGosPrecision(nanoseconds: UInt64, text: String) {
        #expect(CollectionTraceLine.milliseconds(nanoseconds) == text)
    }

    @Test func traceLineIsGos() {
        let line = CollectionTraceLine(
            number: 7, start: 1_234_567_890, processorFraction: 0.029,
            sweepTermination: 15_000, marking: 1_900_000, markTermination: 2_000,
            sweepTerminationCPU: 30_000, assistCPU: 200_000, workerCPU: 1_700_000, idleCPU: 0,
            markTerminationCPU: 4_000, heapAtStart: 4 << 20, heapAtEnd: 5 << 20, heapMarked: 2 << 20,
            goal: 5 << 20, processorCount: 2, isForced: false)
        #expect(
            line.text
                == "gc 7 @1.234s 2%: 0.015+1.9+0.002 ms clock, 0.030+0.20/1.7/0+0.004 ms cpu, 4->5->2 MB, 5 MB goal, 2 P\n")
    }

    @Test(arguments: [
        (0, .bytes, "0 B"), (1_023, .bytes, "1023 B"), (1_536, .bytes, "1.5 KiB"), (64 << 20, .bytes, "64.0 MiB"),
        (1_500, .nanoseconds, "1.5 µs"), (12_345, .count, "12345"),
    ] as [(UInt64, StatisticsReport.Unit, String)])
    func amountsAreReadable(value: UInt64, unit: StatisticsReport.Unit, text: String) {
        #expect(StatisticsReport.readable(value, unit) == text)
    }

    @Test func unusedSizeClassesAreLeftOut() {
        let report = StatisticsReport(
            entries: [.init("heapSys", 8192, .bytes, "from the system")],
            latencies: [
                .init("sweep", "of those, sweeping", count: 3, p50: 5, p99: 1500, p999: 1500, maximum: 1500, total: 2000),
                .init("lock", "never", count: 0, p50: 0, p99: 0, p999: 0, maximum: 0, total: 0),
            ],
            sizeClasses: [
                .init(byteCount: 8, allocations: 0, frees: 0), .init(byteCount: 16, allocations: 3, frees: 1),
            ])
        let none = "{\"count\":0,\"p50\":0,\"p99\":0,\"p999\":0,\"max\":0,\"total\":0}"
        let waits = "{\"sweep\":{\"count\":3,\"p50\":5,\"p99\":1500,\"p999\":1500,\"max\":1500,\"total\":2000},\"lock\":\(none)}"
        #expect(report.json == "{\"heapSys\":8192,\"latencies\":\(waits),\"sizeClasses\":[{\"byteCount\":16,\"mallocs\":3,\"frees\":1}]}\n")
        #expect(report.text.contains("16 B"))
        #expect(report.text.contains("sweep                  3      5 ns    1.5 µs    1.5 µs    1.5 µs  of those, sweeping\n"))
        #expect(!report.text.contains("never"), "what never happened needs no row")
    }

    @Test(arguments: [
        ("65536", 65_536), ("512KiB", 512 << 10), ("64MiB", 64 << 20), ("1.5GiB", 3 << 29), ("64mib", 64 << 20),
    ] as [(String, UInt64)])
    func sizes(text: String, byteCount: UInt64) {
        #expect(ByteSize(argument: text)?.byteCount == byteCount)
    }

    @Test(arguments: ["", "MiB", "-1", "nan", "inf", "1e300", "12 parsecs", "64MB"])
    func notSizes(text: String) {
        #expect(ByteSize(argument: text) == nil)
    }

    @Test(arguments: [
        ("print 1;", false), ("fun f() {", true), ("f(1,", true), ("[1, [2]", true), ("\"open", true),
        ("\"a (\"", false), ("// (", false), ("\"\\\"", true), ("}", false), ("( // )", true),
    ])
    func unfinishedInputIsContinued(text: String, isOpen: Bool) {
        var state = InputState()
        state.scan(Array(text.utf8))
        #expect(state.isOpen == isOpen)
    }

    @Test(arguments: [
        (["run", "--stats", "a.lox"], ["run", "--stats=text", "--", "a.lox"]),
        (["run", "a.lox", "--stats"], ["run", "--", "a.lox", "--stats"]),
        (["--stats", "-e", "--stats"], ["--stats=text", "-e", "--stats"]),
        (["run", "--memory-limit", "1", "--stats", "-", "-"], ["run", "--memory-limit", "1", "--stats=text", "--", "-", "-"]),
        (["run", "--stats=json", "--", "--stats"], ["run", "--stats=json", "--", "--stats"]),
        (["check", "a.lox", "--diagnostics", "lox"], ["check", "a.lox", "--diagnostics", "lox"]),
    ])
    func argumentsAreNormalized(arguments: [String], result: [String]) {
        #expect(ArgumentLine.normalized(arguments) == result)
    }

    @Test(arguments: [
        (["gravlax", "run", "a.lox"], PlainInvocation.file("a.lox", arguments: [])),
        (["gravlax", "run", "a.lox", "--stats", "x"], .file("a.lox", arguments: ["--stats", "x"])),
        (["gravlax", "run", "-"], .file("-", arguments: [])),
        (["gravlax", "-e", "-x"], .code("-x")),
        (["gravlax"], nil), (["gravlax", "run"], nil), (["gravlax", "-e"], nil), (["gravlax", "a.lox", "b"], nil),
        (["gravlax", "run", "--stats", "a.lox"], nil), (["gravlax", "run", "--", "a.lox"], nil),
        (["gravlax", "-e", "print 1;", "--stats"], nil), (["gravlax", "check", "a.lox"], nil),
    ] as [([String], PlainInvocation?)])
    func commandLinesWithoutTheParser(arguments: [String], invocation: PlainInvocation?) {
        #expect(PlainInvocation(arguments) == invocation)
    }

    @Test func debugModes() throws {
        let settings = try CollectorSettings(environmentValue: "gctrace=1,verify=1,stress=7,clobberfree=1,stw=0")
        #expect(settings.traceLines == TraceLines(gctrace: true) && settings.verify && settings.clobberFree && !settings.stopTheWorld)
        #expect(settings.stress == 7)
    }
}
