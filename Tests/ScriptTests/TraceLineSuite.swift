// The lines of --gctrace, --gcpacertrace and --scavtrace are Go's, character by character.

import Testing

import GravlaxCLI

@Suite("Trace lines")
struct TraceLineSuite {
    /// What Go's own print writes for these numbers.
    @Test(arguments: [
        (0, "+0.000000e+000"), (1, "+1.000000e+000"), (-1.5, "-1.500000e+000"), (0.25, "+2.500000e-001"),
        (6.183550e-4, "+6.183550e-004"), (1.232155, "+1.232155e+000"), (123_456_789, "+1.234568e+008"),
        (9.9999999, "+1.000000e+001"), (1e300, "+1.000000e+300"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    ] as [(Double, String)])
    func floatsAreGos(number: Double, text: String) {
        #expect(GoFloat.text(number) == text)
    }

    /// Lines as Go 1.14 printed them.
    @Test(arguments: [
        "gc 5 @0.071s 0%: 0.018+0.46+0.071 ms clock, 0.14+0/0.38/0.14+0.56 ms cpu, 29->29->29 MB, 30 MB goal, 8 P",
        "gc 85 @1480.087s 2%: 0.24+3538+0.50 ms clock, 7.8+26004/34463/60357+16 ms cpu, 15229->15424->7997 MB, 15855 MB goal, 40 P",
        "gc 1 @0.010s 12%: 0.018+1.3+0.076 ms clock, 0.054+0.35/1.2/3.0+0.22 ms cpu, 4->4->3 MB, 5 MB goal, 12 P (forced)",
        "pacer: sweep done at heap size 29MB; allocated 0MB during sweep; swept 3752 pages at +6.183550e-004 pages/byte",
        "pacer: assist ratio=+1.232155e+000 (scan 1 MB in 70->71 MB) workers=2++0.000000e+000",
        "pacer: H_m_prev=30488736 h_t=+2.334071e-001 H_T=37605024 h_a=+1.409842e+000 H_a=73473040 h_g=+1.000000e+000 H_g=60977472 u_a=+2.500000e-001 u_g=+2.500000e-001 W_a=308200 goalΔ=+7.665929e-001 actualΔ=+1.176435e+000 u_a/u_g=+1.000000e+000",
        "scav 184 KiB work, 65328 KiB total, 71% util", "scav 0 KiB work, 0 KiB total, 100% util (forced)",
    ])
    func theReaderTakesGosLines(line: String) throws {
        _ = try GoTraceLine(line)
    }

    @Test(arguments: [
        "gc 0 @0.071s 0%: 0.018+0.46+0.071 ms clock, 0.14+0/0.38/0.14+0.56 ms cpu, 29->29->29 MB, 30 MB goal, 8 P",
        "gc 5 @0.07s 0%: 0.018+0.46+0.071 ms clock, 0.14+0/0.38/0.14+0.56 ms cpu, 29->29->29 MB, 30 MB goal, 8 P",
        "gc 5 @0.071s 0%: 0.0180+0.46+0.071 ms clock, 0.14+0/0.38/0.14+0.56 ms cpu, 29->29->29 MB, 30 MB goal, 8 P",
        "gc 5 @0.071s 0%: 0.018+12.5+0.071 ms clock, 0.14+0/0.38/0.14+0.56 ms cpu, 29->29->29 MB, 30 MB goal, 8 P",
        "gc 5 @0.071s 0%: 0.018+0.46+0.071 ms clock, 0.14+0/0.38+0.56 ms cpu, 29->29->29 MB, 30 MB goal, 8 P",
        "pacer: assist ratio=1.232155 (scan 1 MB in 70->71 MB) workers=2++0.000000e+000",
        "scav 184 KiB work, 65328 KiB total, 71% util ", "",
    ])
    func theReaderTakesNothingElse(line: String) {
        #expect(throws: GoTraceLine.Malformed.self) { try GoTraceLine(line) }
    }

    @Test func pacerLinesAreGos() throws {
        let sweep = PacerTraceLine.sweepDone(heapLive: 30 << 20, allocated: 3 << 19, pagesSwept: 3752, pagesPerByte: 0.5)
        let start = PacerTraceLine.start(
            assistRatio: 1.25, heapScan: 3 << 20, heapLive: 70 << 20, goal: 71 << 20, dedicatedWorkers: 2,
            fractionalUtilization: 0.25)
        let end = PacerTraceLine.end(
            markedBefore: 1000, triggerRatio: 0.5, trigger: 1500, growth: 0.75, heapLive: 1750, goalGrowth: 1, goal: 2000,
            utilization: 0.5, goalUtilization: 0.25, scanWork: 900)
        #expect(try Self.read(sweep.text) == .sweepDone(heapMB: 30, allocatedMB: 1, pages: 3752, pagesPerByte: 0.5))
        #expect(try Self.read(start.text) == .pacerStart(
            ratio: 1.25, scanMB: 3, liveMB: 70, goalMB: 71, dedicated: 2, fractional: 0.25))
        #expect(try Self.read(end.text) == .pacerEnd(
            names: GoTraceLine.pacerNames, values: [1000, 0.5, 1500, 0.75, 1750, 1, 2000, 0.5, 0.25, 900, 0.5, 0.25, 2]))
    }

    @Test func scavengeLinesAreGos() throws {
        let line = ScavengeTraceLine(
            released: 5 << 10, releasedTotal: 9 << 20, heapInUse: 3 << 20, retained: 4 << 20, isForced: true)
        #expect(try Self.read(line.text) == .scavenge(workKiB: 5, totalKiB: 9216, percent: 75, forced: true))
        let empty = ScavengeTraceLine(released: 0, releasedTotal: 0, heapInUse: 0, retained: 0, isForced: false)
        #expect(try Self.read(empty.text) == .scavenge(workKiB: 0, totalKiB: 0, percent: 0, forced: false))
    }

    /// A line ends with a newline, and has no other.
    private static func read(_ text: String) throws -> GoTraceLine {
        #expect(text.hasSuffix("\n"))
        return try GoTraceLine(String(text.dropLast()))
    }
}
